"""A rota's calendar as it was last good, kept in the data folder: what comes later and cannot be meant changes nothing.

`duty/NAME.ics` is the calendar, `duty/NAME.json` what is known of it. Both are replaced as a whole. The core writes,
the web process reads.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from domain.errors import Refused


@dataclass(frozen=True, slots=True)
class Standing:
    """How a calendar stands, by the wall's clock; 0: never.

    `good_ns`: when what is kept was last known to be the newest; `changed_ns`: since when it is kept. `problem`: why
    the last look at it brought nothing; empty: it did. `etag` and `modified` are what its server said of it, and
    `stamp` what the file system does.
    """

    good_ns: int = 0
    changed_ns: int = 0
    looked_ns: int = 0
    problem: str = ""
    etag: str = ""
    modified: str = ""
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """The two files of one rota."""

    folder: Path
    name: str

    def text(self) -> str:
        """The calendar; empty: none was ever good. Refused: it is there and cannot be read."""
        return _read(self.folder / f"{self.name}.ics")

    def standing(self) -> Standing:
        """What is known of it; nothing, where that was lost."""
        try:
            told = json.loads(_read(self.folder / f"{self.name}.json") or "{}")
            known = {name: told[name] for name in asdict(Standing()) if name in told}
        except (ValueError, TypeError, Refused):
            return Standing()
        return replace(Standing(), **known)

    def keep(self, text: str, standing: Standing) -> None:
        """Keep a calendar that was read, and then what is known of it."""
        _write(self.folder / f"{self.name}.ics", text)
        self.note(standing)

    def note(self, standing: Standing) -> None:
        """Keep what is known of it."""
        _write(self.folder / f"{self.name}.json", json.dumps(asdict(standing)))


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read: {error}") from error


def _write(file: Path, text: str) -> None:
    """Replace a file, durably. Refused: the disk does not take it."""
    new = file.with_name(file.name + ".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        with new.open("wb") as opened:
            opened.write(text.encode())
            opened.flush()
            os.fsync(opened.fileno())
        new.replace(file)
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from error
