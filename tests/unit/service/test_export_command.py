"""`thermowell export`: the audit trail says who took a copy of what, under the machine's user."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from domain.entries import TagDefined
from domain.tags import Tag, TagId
from records.database import SqlRecords
from service.cli import main
from service.files import Files
from service.keeping import machine_user
from tests.unit.historian.journal.rig import opened

SPAN = ("--start", "2026-03-02T00:00:00Z", "--end", "2026-03-03T00:00:00Z")


def exported(folder: Path, *more: str) -> None:
    with opened(Files(folder).made().journal) as journal:
        tag = Tag(TagId(0), "u0", 1, "R101.TT", "train1", "nsu=x;s=TT", unit="degC")
        asyncio.run(journal.append(TagDefined(tag, 1)))
    with pytest.raises(SystemExit) as ended:
        main(["export", "--data", str(folder), "--tag", "R101.TT", *SPAN, *more])
    assert ended.value.code == 0


def test_an_export_is_noted_with_its_hash_and_under_nobodys_account(tmp_path: Path) -> None:
    with SqlRecords.open(Files(tmp_path).made().records):
        pass
    file = tmp_path / "tt.csv"

    exported(tmp_path, "--output", str(file))

    with SqlRecords.open(Files(tmp_path).records) as records:
        (record,) = records.list_audit(9)
    entry = record.entry
    assert (entry.kind, entry.subject, entry.person, entry.origin, record.role) == (
        "export",
        "R101.TT",
        machine_user(),
        "cli",
        "",
    )
    assert entry.what == "0 rows as csv, 2026-03-02T00:00:00Z to 2026-03-03T00:00:00Z"
    assert entry.new == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_copy_that_cannot_be_noted_is_made_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exported(tmp_path, "--output", str(tmp_path / "tt.csv"))

    assert "the audit trail does not say so: there are no records" in capsys.readouterr().err
    assert not Files(tmp_path).records.exists()
