"""Run scenarios against this service: the plant with its faults, the service's own wiring on virtual time, the score.

A scenario is a file, or the name of one in the library; a folder means every scenario in it. Each run writes into
DIR/NAME: truth.parquet, truth.json, true_values.parquet, findings.json, score.json, junit.xml, run.json, and the
configuration that the service ran with. Several runs also make a table: DIR/table.json, table.md and junit.xml.
Exit code: 0 everything held, 1 something did not, 2 the input cannot be used.
"""

import argparse
import logging
import shlex
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import Complaint, ConfigError, ThermowellError
from service.bench.cache import profiles_folder
from service.bench.reading import find, library, read_scenario
from service.cli.bench.writing import check_file, check_folder, written
from simulators.scenario import Scenario

if TYPE_CHECKING:
    from service.bench.outputs import Crash, Outcome  # scipy and pyarrow are not for --help

log = logging.getLogger(__name__)

_MOST_JOBS = 64
_MOST_RUNS = 10_000  # of one scenario
_MOST_DIGITS = 15  # of a seed: as many as every reader of JSON keeps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which scenarios, by which chance, and where the results go."""
    parser.add_argument("scenarios", nargs="*", metavar="FILE", help="a file, a folder, or a name of the library")
    parser.add_argument("--all", action="store_true", help="every scenario of the library")
    parser.add_argument("--seed", type=seed, metavar="N", help="another one than the scenario's")
    parser.add_argument(
        "--seeds", type=_some, default=1, metavar="COUNT", help="each with so many seeds, from its own on"
    )
    parser.add_argument("--out", type=Path, default=Path("bench-out"), metavar="DIR")
    parser.add_argument("--jobs", type=_some, default=1, metavar="N", help="so many at the same time")
    parser.add_argument("--page", type=Path, metavar="FILE", help="the table as a page of the docs, too")
    parser.add_argument(
        "--direct",
        action="store_true",
        help="only the detectors, without collecting and keeping: quicker, and blind to faults of network and servers",
    )
    parser.add_argument("--verbose", action="store_true", help="what the service logs, too")
    parser.add_argument(
        "--profiles", type=Path, default=profiles_folder(), metavar="DIR", help="where normal profiles are kept"
    )


def run(options: argparse.Namespace) -> int:
    """Run all of them, one line each; 1 where something did not hold."""
    from service.bench.junit import write_junit  # noqa: PLC0415
    from service.bench.outputs import JUNIT_XML, Outcome  # noqa: PLC0415
    from service.bench.tables import write_page, write_table  # noqa: PLC0415

    scenarios = list(_chosen(options))
    several = len(scenarios) > 1
    works = [
        (scenario, options.out / _folder(scenario, options.seeds) if several else options.out, options)
        for scenario in scenarios
    ]
    _check_outputs(options, [folder for _, folder, _ in works])
    outcomes: list[Outcome | Crash] = []
    for outcome in _run_all(works, min(options.jobs, _MOST_JOBS)):
        outcomes.append(outcome)
        print(outcome.line(), flush=True)
        for failure in outcome.failures:
            print(f"    {failure}")
        if outcome.failures:
            print(f"    again: {outcome.repeat}")
    if several:
        write_table(outcomes, options.out)
        write_junit([each for each in outcomes if isinstance(each, Outcome)], options.out / JUNIT_XML)
        print(f"{sum(outcome.held for outcome in outcomes)} of {len(outcomes)} held; {options.out / 'table.md'}")
    if options.page is not None:
        with written(options.page):
            write_page(outcomes, options.page)
    return 0 if all(outcome.held for outcome in outcomes) else 1


def _chosen(options: argparse.Namespace) -> Iterator[Scenario]:
    """Every scenario that was asked for, read and checked before the first one runs."""
    files: dict[Path, None] = {}
    for word in options.scenarios:
        folder = Path(word)
        found = sorted(folder.glob("*.yaml")) if folder.is_dir() else [find(word)]
        if not found:
            raise ConfigError((Complaint(word, 1, 1, "(folder)", "no scenario is in it (*.yaml)"),))
        files.update(dict.fromkeys(found))
    if options.all:
        files.update(dict.fromkeys(library()))
    if not files:
        raise ConfigError((Complaint("(command)", 1, 1, "FILE", "name a scenario, or write --all"),))
    for scenario in _read_all(files):
        first = scenario.seed if options.seed is None else options.seed
        for number in range(options.seeds):
            yield replace(scenario, seed=first + number)


def _read_all(files: Iterable[Path]) -> list[Scenario]:
    scenarios: list[Scenario] = []
    complaints: list[Complaint] = []
    for file in files:
        try:
            scenarios.append(read_scenario(file))
        except ConfigError as error:
            complaints += error.complaints
    if complaints:
        raise ConfigError(tuple(complaints))
    return scenarios


def _folder(scenario: Scenario, seeds: int) -> str:
    return f"{scenario.name}-{scenario.seed}" if seeds > 1 else scenario.name


def _check_outputs(options: argparse.Namespace, folders: Iterable[Path]) -> None:
    """Refused, before anything runs, where something cannot be written."""
    if options.page is not None:
        check_file(options.page)
    for folder in (options.out, *folders, options.profiles):
        check_folder(folder)


def seed(text: str) -> int:
    """A seed of the command line; argparse tells what is wrong with it."""
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no seed: a whole number from 0 on, {_MOST_DIGITS} digits at most"
        )
    return int(text)


def _some(text: str) -> int:
    if not text.isdecimal() or len(text) > _MOST_DIGITS or not 1 <= int(text) <= _MOST_RUNS:
        raise argparse.ArgumentTypeError(f"{text!r} is no count from 1 to {_MOST_RUNS}")
    return int(text)


_Work = tuple[Scenario, Path, argparse.Namespace]


def _run_all(works: list[_Work], jobs: int) -> "Iterator[Outcome | Crash]":
    if jobs < 2 or len(works) < 2:
        yield from map(_run, works)
        return
    with ProcessPoolExecutor(min(jobs, len(works))) as pool:
        yield from pool.map(_run, works)


def _run(work: _Work) -> "Outcome | Crash":
    """One run; where this program fails, the others go on."""
    from service.bench.direct import run_direct  # noqa: PLC0415
    from service.bench.outputs import Crash  # noqa: PLC0415
    from service.bench.run import run_scenario  # noqa: PLC0415
    from service.bench.world import run_in_world  # noqa: PLC0415

    scenario, folder, options = work
    runner = run_direct if options.direct else run_in_world
    repeat = _repeat(scenario, folder, options)
    root = logging.getLogger()
    usual_level = root.level
    if not options.verbose:
        root.setLevel(logging.ERROR)  # what breaks here breaks on purpose
    try:
        return run_scenario(scenario, folder, runner, repeat=repeat, profiles=options.profiles)
    except ThermowellError:
        raise
    except Exception as error:  # the run's root: what broke is told, and the table stays whole
        log.exception("%s failed", scenario.name)
        return Crash(scenario, repeat, f"{type(error).__name__}: {error}")
    finally:
        root.setLevel(usual_level)


def _repeat(scenario: Scenario, folder: Path, options: argparse.Namespace) -> str:
    """The command that runs this one again."""
    file = Path(scenario.file).resolve()
    word = file.stem if file in library() else scenario.file
    words = ["thermowell", "bench", "run", word, "--seed", str(scenario.seed), "--out", str(folder)]
    return shlex.join([*words, "--direct"] if options.direct else words)
