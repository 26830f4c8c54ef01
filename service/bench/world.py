"""The service's own wiring in one process on virtual time, with model servers in place of real ones: no socket, no thread.

A plant day takes seconds to a minute, and the same input gives the same run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain.alarms import Notice, Transition
from domain.entries import Gap
from domain.findings import Finding
from domain.ports import SourceLedger
from service.config.build import Configuration
from simulators.faults.spec import FaultChange
from simulators.outlets import Update


@dataclass(frozen=True, slots=True)
class Happening:
    """What is new in the plant at one second of the campaign: values of any tags, and faults of network and servers.

    `Update.name` is the tag's name in the configuration, which also says on which server the tag is; an update of a tag
    that is not configured is left out.
    """

    second: int
    updates: tuple[Update, ...] = ()
    faults: tuple[FaultChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Concluded:
    """One version of a finding, and the plant's time at which the service had it durable."""

    finding: Finding
    at_ns: int


@dataclass(frozen=True, slots=True)
class TagAccount:
    """What became of a tag's values. `sent` = `kept` + `in_gap` + `lost`; text values count too.

    A value is the same by its source time, its bits and its status. `in_gap`: absent, and a recorded gap says so.
    """

    sent: int
    kept: int
    in_gap: int
    lost: int
    doubled: int  # stored twice
    invented: int  # stored, and never sent


@dataclass(frozen=True, slots=True, eq=False)
class WorldResult:
    """What the service concluded, told and kept. `seconds` of plant time took `cpu_s` of this machine."""

    findings: tuple[Concluded, ...]  # every version, in the order of commit
    transitions: tuple[Transition, ...]
    notices: tuple[Notice, ...]
    gaps: tuple[Gap, ...]
    ledger: tuple[SourceLedger, ...]
    accounts: Mapping[str, TagAccount]  # by tag name
    seconds: int
    cpu_s: float
    complaints: tuple[str, ...] = field(default=())  # works of the service that failed


def run_in_world(  # noqa: PLR0913 - what a run is made of
    happenings: Iterable[Happening],
    configuration: Configuration,
    *,
    start_ns: int,
    seconds: int,
    directory: Path,
    seed: int = 0,
) -> WorldResult:
    """Let the plant happen to the service for `seconds` of plant time from `start_ns`, then drain and stop.

    The configuration's `clock` and `data` are not used: the world has its own clock, and the files are in `directory`.
    `happenings` come in the order of their seconds and are taken one by one.
    """
    raise NotImplementedError
