"""What a verb is asked to write: whether it can be, told before the work and not after it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from domain.errors import Refused


@contextmanager
def written(file: Path) -> Iterator[None]:
    """Refused, with the file's name, where the system will not let it be written."""
    try:
        yield
    except OSError as error:
        raise Refused(f"{file}: cannot be written: {error.strerror or error}") from error


def check_file(file: Path) -> None:
    """Refused where a file cannot be written; one that is not there is not made."""
    with written(file):
        if file.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        if not file.exists():
            check_folder(file.parent, make=False)
        elif not os.access(file, os.W_OK):
            raise PermissionError(None, "it may only be read")


def check_folder(folder: Path, *, make: bool = True) -> None:
    """Refused where nothing can be written into a folder, which is made first."""
    with written(folder):
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
