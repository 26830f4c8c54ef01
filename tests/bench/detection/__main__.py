"""`make bench-detection [ARGS="skab nab"]`: run the chosen sets, write build/detection.json and docs/detection.md.

`BENCHMARKS` names the folder of public data; without it their sets are skipped, by name. `--whole` asks for the long
form of what has one. The page of the docs is written only when every set was asked for and none was skipped, or with `--page`.
"""

import argparse
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.detection.page import page
from tests.bench.detection.section import Absent, Measure, Run, Section

SETS = ("skab", "nab", "tep", "etch", "arl0", "bench", "sensitivity")
"""Modules of this package, each with a `measure`; in the order of the page."""

ROOT = Path(__file__).parents[3]


def main(words: Sequence[str], environment: Mapping[str, str] = os.environ, root: Path = ROOT) -> int:
    """Run, print, write. Exit code 0: all that was asked for was measured or is absent by name; 1: a set failed."""
    asked = _parser().parse_args(words)
    unknown = set(asked.sets) - set(SETS)
    if unknown:
        print(f"no set {', '.join(sorted(unknown))}; there are {', '.join(SETS)}", file=sys.stderr)
        return 2
    folder = environment.get("BENCHMARKS")
    run = Run(Path(folder) if folder else None, root / "build" / "detection", asked.whole)
    run.out.mkdir(parents=True, exist_ok=True)
    told = Told()
    for name in asked.sets or SETS:
        _measure(name, run, told)
        _write_json(told.sections, root / "build" / "detection.json", keep=bool(asked.sets))
    whole_page = not asked.sets and not told.skipped and not told.failed
    if asked.page or whole_page:
        (root / "docs" / "detection.md").write_text(page(told.sections, told.skipped), encoding="utf-8")
    return 1 if told.failed else 0


@dataclass(slots=True)
class Told:
    """What came of the sets so far."""

    sections: list[Section] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-detection", description=__doc__)
    parser.add_argument("sets", nargs="*", help=f"of {', '.join(SETS)}; all of them, unless told")
    parser.add_argument("--whole", action="store_true", help="the long form of what has one")
    parser.add_argument("--page", action="store_true", help="write docs/detection.md of what was measured")
    return parser


def _measure(name: str, run: Run, told: Told) -> None:
    """One set. What is wrong with the data of one must not cost the figures of the others."""
    measure: Measure = importlib.import_module(f"tests.bench.detection.{name}").measure
    started_s = time.process_time()
    try:
        found = measure(run)
    except Absent as absent:
        told.skipped.append(f"{name} ({absent})")
        print(f"{name}: skipped: {absent}", flush=True)
        return
    except Exception:  # noqa: BLE001  told with its trace, and by the exit code
        told.failed.append(name)
        print(f"{name}: FAILED", flush=True)
        traceback.print_exc()
        return
    for section in found:
        print(_line(section), flush=True)
    print(f"# {name}: {time.process_time() - started_s:.0f} s of CPU", file=sys.stderr, flush=True)
    told.sections += found


def _line(section: Section) -> str:
    told = []
    for name, figure in section.figures.items():
        value = "?" if figure.value is None else f"{figure.value:.4g}"
        around = "" if figure.low is None or figure.high is None else f" ({figure.low:.4g} to {figure.high:.4g})"
        told.append(f"{name} {value}{around}")
    return f"{section.name:18} {'; '.join(told)}; {section.scored}"


def _write_json(sections: Sequence[Section], file: Path, *, keep: bool) -> None:
    """Write the sections; where single sets were asked for, beside those that are there."""
    kept = json.loads(file.read_text(encoding="utf-8")) if keep and file.exists() else {}
    kept.update({section.name: section.as_json() for section in sections})
    file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
