"""`thermowell verify` beside a service of an older release: it looks, and changes nothing."""

import sqlite3
from pathlib import Path

import pytest

from service.cli import main
from service.files import Files
from tests.unit.historian.journal.rig import opened

OLD = Path(__file__).parents[1] / "records" / "released" / "format_1.sql"


def test_records_of_an_older_release_are_proven_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = Files(tmp_path).made()
    with opened(files.journal):
        pass
    with sqlite3.connect(files.records) as connection:
        connection.executescript(OLD.read_text())
    connection.close()
    before = files.records.read_bytes()

    with pytest.raises(SystemExit) as ended:
        main(["verify", str(tmp_path)])

    assert "audit trail of 1 entries: 0 damages" in capsys.readouterr().out
    assert (ended.value.code, files.records.read_bytes()) == (0, before)
