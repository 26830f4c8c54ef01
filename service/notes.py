"""Findings about the service itself by a process that does not judge: told in its report until the judge has them."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter

from domain.errors import RetryLater
from domain.findings import Finding
from service.gauges import read_report

log = logging.getLogger(__name__)

_MOST = 64
_LOOK_EVERY_S = 1.0
_FINDINGS = TypeAdapter(list[Finding])


class Notes:
    """The newest findings, oldest first; any thread may add and ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._noted: deque[Finding] = deque(maxlen=_MOST)

    def add(self, finding: Finding) -> None:
        """Keep one for the judge."""
        with self._lock:
            self._noted.append(finding)

    def as_json(self) -> object:
        """For the report."""
        with self._lock:
            return _FINDINGS.dump_python(list(self._noted), mode="json")


class Written(Protocol):
    """The records, as who takes notes needs them. Calls block."""

    def finding_versions(self, id_: str) -> Sequence[Finding]:
        """Every version of a finding, oldest first."""
        ...


async def take_notes(run: Path, records: Written, note: Callable[[Finding], None]) -> None:
    """Hand to the judge, for ever, what the core noted; what is in the records already is passed over."""
    taken: set[tuple[str, int]] = set()
    while True:
        try:
            told = await asyncio.to_thread(_told, run)
            fresh = await asyncio.to_thread(_fresh, [each for each in told if _key(each) not in taken], records)
        except RetryLater as error:
            log.debug("notes wait: %s", error)
        else:
            for finding in fresh:
                note(finding)
            taken = {_key(finding) for finding in told}
        await asyncio.sleep(_LOOK_EVERY_S)


def _key(finding: Finding) -> tuple[str, int]:
    return finding.id, finding.version


def _told(run: Path) -> list[Finding]:
    report = read_report(run)
    return _FINDINGS.validate_python([] if report is None else report.get("notes", []))


def _fresh(told: Sequence[Finding], records: Written) -> list[Finding]:
    """Those that the records do not have, nor a later version of theirs."""
    return [
        finding
        for finding in told
        if not any(each.version >= finding.version for each in records.finding_versions(finding.id))
    ]
