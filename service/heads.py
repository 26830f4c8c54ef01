"""The head of the audit trail in a second place, so that a tail that was cut off, or a chain written anew, is found.

A head is one line of JSON: how many records there are, the newest one's hash, when and where. A file is only added to,
and synced; an address gets each head as a POST. What was not written before a crash is written after it, because the
newest head is compared with what stands in the place, and not with what this process remembers.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import orjson

from domain.errors import RetryLater, ThermowellError
from domain.figures import Reading
from domain.time import format_time, parse_time_ns
from historian.durable import sync_folder
from records.audit import AuditHead, KeptHead
from service.config.build import Configuration
from service.deadman import UrlSink
from service.files import Files

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
_LAST_BYTES = 4_096  # some ten heads


class Place(Protocol):
    """Where heads are kept. Calls block."""

    @property
    def name(self) -> str:
        """What stands for it in figures and alarms: never a secret."""
        ...

    def newest(self) -> KeptHead | None:
        """The newest head that is there, if it can be asked. RetryLater: it cannot be read."""
        ...

    def keep(self, line: bytes) -> None:
        """Keep a head durably. RetryLater if it was not taken."""
        ...


@dataclass(frozen=True, slots=True)
class HeadFile:
    """A file that is only added to; another disk or a share than the data folder's is what makes it worth most."""

    path: Path

    @property
    def name(self) -> str:
        """The file."""
        return str(self.path)

    def newest(self) -> KeptHead | None:
        """The last whole line's; it is looked for from the end, for the file only grows."""
        try:
            with self.path.open("rb") as file:
                file.seek(-min(_LAST_BYTES, file.seek(0, os.SEEK_END)), os.SEEK_END)
                heads = heads_in(file.read()) or read_heads(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RetryLater(f"{self.path}: {error.strerror}") from error
        return heads[-1] if heads else None

    def keep(self, line: bytes) -> None:
        """Add a line, on the disk before this returns; behind a torn one it begins anew."""
        try:
            is_new = not self.path.exists()
            with self.path.open("ab") as file:
                torn = file.tell() > 0 and not self._ends_whole()
                file.write((b"\n" if torn else b"") + line + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise RetryLater(f"{self.path}: {error.strerror}") from error

    def _ends_whole(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"


@dataclass(slots=True)
class HeadUrl:
    """Somebody else's server that takes heads; it is believed when it answers 200 to 299, and cannot be asked back."""

    url: str = field(repr=False)
    _sent: KeptHead | None = None

    @property
    def name(self) -> str:
        """Its host; the rest may hold a secret."""
        return self.url.split("/")[2].rpartition("@")[2]

    def newest(self) -> KeptHead | None:
        """What this process sent last."""
        return self._sent

    def keep(self, line: bytes) -> None:
        """POST it."""
        UrlSink(self.url).send(line)
        self._sent = head_in(line)


def head_in(line: bytes) -> KeptHead | None:
    """The head that a line tells; None for a torn one."""
    try:
        told = orjson.loads(line)
        return KeptHead(int(told["records"]), str(told["hash"]), parse_time_ns(told["at"]))
    except (ValueError, KeyError, TypeError):
        return None


def heads_in(lines: bytes) -> list[KeptHead]:
    """Every head of some lines, in the order of writing; a line that was torn is left out."""
    return [head for line in lines.splitlines() if (head := head_in(line)) is not None]


def read_heads(path: Path) -> list[KeptHead]:
    """Every head of a file. OSError."""
    return heads_in(path.read_bytes())


class AuditRecords(Protocol):
    """The records as far as they have an audit trail."""

    def audit_head(self) -> AuditHead:
        """The newest record."""
        ...

    def audit_hash(self, sequence: int) -> str | None:
        """The hash of a record, if it is there."""
        ...

    def restored_since(self, head: KeptHead) -> bool:
        """Whether the trail says that it was restored from a backup that is older than a head."""
        ...


class Anchoring:
    """Compares the trail with its second places every few seconds, and writes there what is new."""

    def __init__(
        self,
        records: AuditRecords,
        places: Sequence[Place],
        site: str,
        wall_ns: Callable[[], int],
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._records, self._places, self._site, self._wall_ns = records, places, site, wall_ns
        self._look_every_s = look_every_s
        self._failing: dict[str, str] = {}
        self._broken: dict[str, str] = {}

    def figures(self) -> Iterator[Reading]:
        """For Prometheus, and for the alarms about the service itself."""
        for place in self._places:
            yield Reading("thermowell_audit_head_failing", int(place.name in self._failing), (place.name,))
            yield Reading("thermowell_audit_head_differs", int(place.name in self._broken), (place.name,))

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(self._look_every_s)

    def look(self) -> None:
        """Write the newest head wherever it is not yet."""
        try:
            head = self._records.audit_head()
        except RetryLater as error:
            log.debug("the audit trail's head waits: %s", error)
            return
        for place in self._places:
            try:
                self._anchor(place, head)
            except RetryLater as error:
                if self._failing.get(place.name) != str(error):
                    log.warning("the audit trail's head was not kept by %s: %s", place.name, error)
                self._failing[place.name] = str(error)
            else:
                self._failing.pop(place.name, None)

    def _anchor(self, place: Place, head: AuditHead) -> None:
        newest = place.newest()
        if newest is not None:
            self._compare(place, newest, head)
        if head.records and (newest is None or (newest.records, newest.hash) != (head.records, head.hash)):
            told = {"at": format_time(self._wall_ns()), "site": self._site, "records": head.records, "hash": head.hash}
            if place.name not in self._broken:  # what proves the damage stays the newest
                place.keep(orjson.dumps(told))

    def _compare(self, place: Place, newest: KeptHead, head: AuditHead) -> None:
        same = newest.hash == (
            head.hash if newest.records == head.records else self._records.audit_hash(newest.records)
        )
        if same or self._records.restored_since(newest):
            self._broken.pop(place.name, None)
        elif place.name not in self._broken:
            why = f"record {newest.records} is not the one whose hash {place.name} has"
            log.error("the audit trail was changed: %s; run `thermowell verify`", why)
            self._broken[place.name] = why


def places_of(configuration: Configuration, files: Files) -> list[Place]:
    """Where heads are kept: what the configuration names, else a file in the data folder."""
    if not configuration.audit_heads:
        return [HeadFile(files.audit_heads)]
    return [
        HeadUrl(each) if each.startswith(("http://", "https://")) else HeadFile(configuration.beside(each))
        for each in configuration.audit_heads
    ]


def kept_heads(places: Sequence[Place]) -> list[KeptHead]:
    """What every file among the places has; ThermowellError for one that cannot be read."""
    heads: list[KeptHead] = []
    for place in places:
        if isinstance(place, HeadFile) and place.path.exists():
            try:
                heads += read_heads(place.path)
            except OSError as error:
                raise ThermowellError(f"{place.path}: {error.strerror}") from error
    return heads
