"""The section `audit`: where the trail's head is kept besides. Nothing turns the trail off."""

from pathlib import Path

from domain.errors import Complaint
from service.config.document import Document
from service.config.model import ConfigFile


def check_audit(document: Document, file: ConfigFile, path: Path, complaints: list[Complaint]) -> None:
    """Complain of a head's file whose folder is not there."""
    for number, place in enumerate(file.audit.heads):
        if place.startswith(("http://", "https://")):
            continue
        if not (path.parent / place).resolve().parent.is_dir():
            complaints.append(document.complain(("audit", "heads", str(number)), f"no folder for {place!r}"))
