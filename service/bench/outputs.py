"""What a run leaves on disk, and the table over many runs."""

import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from detectors.identity import detector_hash
from service.bench.findings import Told
from service.bench.scoring import ASKED, Check, Score
from service.bench.world import WorldResult
from service.config.build import Configuration
from service.version import VERSION
from simulators.scenario import Scenario

RUN_JSON: Final = "run.json"
FINDINGS_JSON: Final = "findings.json"
SCORE_JSON: Final = "score.json"
JUNIT_XML: Final = "junit.xml"
CONFIGURATION: Final = "thermowell.yaml"

_LIBRARIES: Final = ("numpy", "scipy", "pydantic", "pyarrow")

_SCORED: Final = ("found", "visible", "hidden", "delay_s", "false", "lost", "doubled")

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run. `failures` are what did not hold, in words; `repeat` is the command that runs it again."""

    scenario: Scenario
    score: Score
    checks: tuple[Check, ...]
    complaints: tuple[str, ...]
    repeat: str
    cpu_s: float
    unasked: int = 0  # faults of network and servers, where the detectors ran alone

    @property
    def failures(self) -> tuple[str, ...]:
        """What did not hold: lines of the acceptance, and works of the service that failed."""
        return (*(each.failure for each in self.checks if each.failure is not None), *self.complaints)

    @property
    def held(self) -> bool:
        """Tell whether everything held."""
        return not self.failures

    def line(self) -> str:
        """The run in one line."""
        row = table_row(self)
        verdict = "held  " if self.held else "FAILED"
        unasked = f"; {self.unasked} of network and servers not asked" if self.unasked else ""
        counts = f"lost {counted(row['lost'])}, doubled {counted(row['doubled'])}"
        return (
            f"{verdict} {self.scenario.name} (seed {self.scenario.seed}): found {row['found']} of {row['visible']}, "
            f"false {row['false']}, {counts}; {self.cpu_s:.0f} s of CPU{unasked}"
        )


@dataclass(frozen=True, slots=True)
class Crash:
    """A run that came to no end: this program failed, not the acceptance."""

    scenario: Scenario
    repeat: str
    error: str
    cpu_s: float = 0.0
    held: bool = False

    @property
    def failures(self) -> tuple[str, ...]:
        """What went wrong."""
        return (f"the run itself failed: {self.error}",)

    def line(self) -> str:
        """The run in one line."""
        return f"FAILED {self.scenario.name} (seed {self.scenario.seed}): it came to no end"


def told_of(result: WorldResult) -> tuple[Told, ...]:
    """The service's findings as anybody's: the first version tells when, the last until when."""
    annunciated = {each.finding for each in result.transitions if each.facts.active}
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for index, concluded in enumerate(result.findings):
        first.setdefault(concluded.finding.id, index)
        last[concluded.finding.id] = index
    told = []
    for id_, index in first.items():
        opening, newest = result.findings[index], result.findings[last[id_]].finding
        told.append(
            Told(
                id=id_,
                rule=newest.rule,
                subject=newest.subject,
                detected_ns=opening.at_ns,
                unit=newest.unit,
                onset_ns=newest.onset_ns,
                end_ns=newest.end_ns,
                message=newest.message,
                alarm=id_ in annunciated,
            )
        )
    return tuple(told)


def run_facts(scenario: Scenario, configuration: Configuration, result: WorldResult) -> Json:
    """`run.json`: everything that is needed to repeat the run, and to tell whether it was the same."""
    accounts = result.accounts.values()
    return {
        "scenario": scenario.name,
        "seed": scenario.seed,
        "file": scenario.file,
        "text": scenario.text,
        "hashes": {
            "scenario": _hash(scenario.text),
            "recipe": _hash(repr(scenario.recipe)),
            "rules": configuration.rulebook.hash,
            "configuration": configuration.hash,
            "detectors": detector_hash(),
            "findings": _hash(repr([(each.at_ns, each.finding) for each in result.findings])),
        },
        "versions": {
            "thermowell": VERSION,
            "python": platform.python_version(),
            "platform": sys.platform,
            **{name: _version(name) for name in _LIBRARIES},
        },
        "plant_seconds": result.seconds,
        "cpu_s": round(result.cpu_s, 2),
        "samples": {
            field: sum(getattr(account, field) for account in accounts)
            for field in ("sent", "kept", "in_gap", "lost", "doubled", "invented")
        }
        if accounts
        else None,
        "gaps": len(result.gaps),
        "notices": len(result.notices),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # optional, or vendored
        return ""


def write_json(values: Mapping[str, object], file: Path) -> None:
    """Write a mapping as JSON that people can read."""
    file.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def table_row(outcome: Outcome | Crash) -> Json:
    """A run as a row of the table: scenario by (found, delay, false, lost, doubled)."""
    scored = _scored(outcome.score) if isinstance(outcome, Outcome) else dict.fromkeys(_SCORED) | {"missed": []}
    return {
        "scenario": outcome.scenario.name,
        "teaches": outcome.scenario.teaches,
        "seed": outcome.scenario.seed,
        "hours": round(outcome.scenario.lasts_s / 3600, 1),
        **scored,
        "held": outcome.held,
        "failures": list(outcome.failures),
        "cpu_s": round(outcome.cpu_s, 1),
    }


def _scored(score: Score) -> Json:
    delays_s = [delays.most_s for group in ASKED if (delays := score.from_visible[group]).most_s is not None]
    return {
        "found": sum(score.found[group].hits for group in ASKED),
        "visible": sum(score.found[group].trials for group in ASKED),
        "hidden": sum(label.kind.value == "fault" for label in score.hidden),
        "delay_s": max(delays_s, default=None),
        "false": len(score.false_alarms),
        "lost": score.lost,
        "doubled": score.doubled,
        "missed": [f"{miss.label.what} on {miss.label.subject}" for miss in score.misses if miss.group in ASKED],
    }


def counted(value: object) -> str:
    """A count, or that nobody made it."""
    return "not counted" if value is None else str(value)
