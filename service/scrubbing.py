"""The pass that looks for damage in what is stored, slowly and for ever, and the alarm that names the place."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson

from detectors.cases import Evidence
from domain.entries import Position
from domain.errors import DamagedEntry, DamagedFile, RetryLater
from domain.findings import Finding
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from historian.scrub import Mark, Piece, Scrub
from service.troubles import opened_now, over_now

log = logging.getLogger(__name__)

RULE = "record.damaged"
SCRUB_BYTES_PER_S = 2e6
_REST_S = 60.0
"""Between two passes, and after what could not be done."""
_STANDS_S = 5.0  # so long a follower stands before it is looked what is behind it
_LEAST_PAUSE_S = 0.05  # small pieces cost more than their bytes
_KEPT_EVERY = 100  # pieces


@dataclass(slots=True)
class _File:
    first: str = ""
    places: int = 0
    is_whole: bool = False  # looked at from its beginning


class Damages:
    """Opens one finding a file that is damaged, and closes it when a whole pass over the file finds nothing."""

    def __init__(
        self,
        note: Callable[[Finding], None],
        now_ns: Callable[[], int],
        position: Callable[[], Position],
        opened: Mapping[str, Finding],
    ) -> None:
        self._note, self._now_ns, self._position = note, now_ns, position
        self._opened = dict(opened)
        self._file = _File()

    def look(self, before: Mark, piece: Piece) -> None:
        """Take what was found between a mark and the next."""
        if not before.number:
            self._file = _File(is_whole=bool(before.file))
        file = self._file
        file.first = file.first or next(iter(piece.damages), "")
        file.places += len(piece.damages)
        for damage in piece.damages:
            log.error("damaged: %s", damage)
        known = self._opened.get(before.file)
        if piece.damages and known is None:
            self._open(before.file, file)
        elif known is not None and piece.ended and file.is_whole and not file.places:
            self._close(known)
        elif known is not None and piece.ended and file.places > int(str(known.evidence["places"])):
            message, evidence = _told(file)
            more = replace(known, version=known.version + 1, at_ns=self._now_ns(), message=message, evidence=evidence)
            self._opened[known.subject] = more
            self._note(more)

    def found(self, subject: str, place: str) -> None:
        """Take what somebody who reads a file found at once; a pass over the file counts the places later."""
        if subject not in self._opened:
            self._open(subject, _File(place, 1))

    def _open(self, subject: str, file: _File) -> None:
        found = self._opened[subject] = opened_now(RULE, subject, self._now_ns(), self._position(), *_told(file))
        self._note(found)

    def _close(self, known: Finding) -> None:
        del self._opened[known.subject]
        message = f"A pass over {known.subject} finds nothing damaged any more."
        self._note(replace(over_now(known, self._now_ns(), message), evidence={"places": 0, "first": ""}))


def _told(file: _File) -> tuple[str, Evidence]:
    more = f", and {file.places - 1} more places" if file.places > 1 else ""
    message = (
        f"Stored bytes are not as they were written: {file.first}{more}. Keep the file, let `thermowell verify` "
        "name all of it, look at the disk, and take the file from a backup."
    )
    return message, {"places": file.places, "first": file.first}


async def scrub_for_ever(
    scrub: Scrub,
    damages: Damages,
    place: Path,
    bytes_per_s: float = SCRUB_BYTES_PER_S,
) -> None:
    """Look at piece after piece in a thread, from where the last process was; nothing that goes wrong ends it."""
    mark = await asyncio.to_thread(_read, place)
    pieces = 0
    while True:
        try:
            piece = await asyncio.to_thread(scrub.step, mark)
            damages.look(mark, piece)
            mark, pieces = piece.mark, pieces + 1
            if piece.ended or pieces % _KEPT_EVERY == 0:
                await asyncio.to_thread(_write, place, mark)
            await asyncio.sleep(max(piece.size / bytes_per_s, _LEAST_PAUSE_S) if mark.file else _REST_S)
        except RetryLater as error:
            log.debug("looking for damage waits: %s", error)
            await asyncio.sleep(_REST_S)
        except Exception:
            log.exception("looking for damage goes on in a minute")
            await asyncio.sleep(_REST_S)


async def tell_for_readers(
    journal: SqliteJournal, reader: ReadOnlyJournal, positions: Sequence[Callable[[], Position]]
) -> None:
    """Journal for ever the gaps for followers that cannot: they read the file, which memory may have hidden from us."""
    stood = [position() for position in positions]
    while True:
        await asyncio.sleep(_STANDS_S)
        now = [position() for position in positions]
        for at in {at for at, before in zip(now, stood, strict=True) if at == before < journal.last()}:
            try:
                await asyncio.to_thread(reader.read, at, 1)
            except DamagedEntry as damaged:
                await journal.tell(damaged)
            except (RetryLater, DamagedFile) as error:
                log.debug("it is not known what a follower waits for: %s", error)
        stood = now


def _read(place: Path) -> Mark:
    try:
        told = orjson.loads(place.read_bytes())
        return Mark(str(told["file"]), int(told["number"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Mark()  # from the beginning


def _write(place: Path, mark: Mark) -> None:
    new = place.with_suffix(".new")
    new.write_bytes(orjson.dumps(asdict(mark)))
    new.replace(place)
