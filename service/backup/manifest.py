"""What a backup says of itself: its moment, its positions, and every file with its size and SHA-256."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from domain.errors import DamagedFile, NewerFormat
from historian.durable import sync_folder

FORMAT = 1
NAME = "manifest.json"
SUM_NAME = "manifest.sha256"  # of the manifest itself, as `sha256sum --check` reads it
_BYTES_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file of a backup."""

    path: str  # relative, with /
    size: int  # bytes
    sha256: str


class Manifest(BaseModel):
    """A backup's description, as it stands in its file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    program: str
    site: str
    moment_ns: int  # our clock: what was durable then is in it
    taken: str  # the same moment of the wall's clock, for people
    simulated: bool
    formats: Mapping[str, int]  # journal, history, records
    positions: Mapping[str, int]  # journal, history, and each cursor and snapshot of the records
    records: str  # what they came from: sqlite | postgresql
    not_in_it: tuple[str, ...]
    files: tuple[Sealed, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def sealed_files(folder: Path) -> tuple[Sealed, ...]:
    """Every file below a folder, as it reads from the disk, in order of its path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (NAME, SUM_NAME))
    return tuple(Sealed(str(path.relative_to(folder)), path.stat().st_size, sum_of(path)) for path in files)


def sum_of(path: Path) -> str:
    """The SHA-256 of a file, read in pieces."""
    found = hashlib.sha256()
    with path.open("rb") as reading:
        while piece := reading.read(_BYTES_AT_ONCE):
            found.update(piece)
    return found.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it last: a folder without one is no backup."""
    content = (manifest.model_dump_json(indent=1) + "\n").encode()
    digest = hashlib.sha256(content).hexdigest()
    (folder / SUM_NAME).write_text(f"{digest}  {NAME}\n", encoding="ascii")
    (folder / NAME).write_bytes(content)
    for path in (folder / SUM_NAME, folder / NAME):
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
    for path in (*(each for each in folder.rglob("*") if each.is_dir()), folder):
        sync_folder(path)


def read_manifest(folder: Path) -> Manifest:
    """Read it. DamagedFile: it is none, or was changed; NewerFormat: a newer program wrote it."""
    path = folder / NAME
    try:
        content, told = path.read_bytes(), (folder / SUM_NAME).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise DamagedFile(f"{folder} is no finished backup: {error}") from error
    if not told or hashlib.sha256(content).hexdigest() != told[0]:
        raise DamagedFile(f"{path} is not as it was written: {SUM_NAME} has another SHA-256")
    try:
        version = json.loads(content).get("format")
        if isinstance(version, int) and version > FORMAT:
            raise NewerFormat(f"{path} has format {version}; this program reads up to {FORMAT}")
        return Manifest.model_validate_json(content)
    except (ValueError, AttributeError, ValidationError) as error:
        raise DamagedFile(f"{path} cannot be read: {error}") from error


def faults_of(folder: Path, files: Iterable[Sealed]) -> list[str]:
    """What of a backup's files is not as the manifest says, each fault with the file's name."""
    faults = []
    for file in files:
        path = folder / file.path
        if not path.resolve().is_relative_to(folder.resolve()):
            faults.append(f"{file.path}: lies outside the backup")
        elif not path.is_file():
            faults.append(f"{file.path}: is missing")
        elif (size := path.stat().st_size) != file.size:
            faults.append(f"{file.path}: has {size} bytes, the manifest says {file.size}")
        elif sum_of(path) != file.sha256:
            faults.append(f"{file.path}: its SHA-256 is not the manifest's")
    return faults
