import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.audit import AuditEntry
from domain.errors import DamagedFile, RetryLater
from records.audit import RESTORE
from records.database import SqlRecords
from service.heads import Anchoring, HeadFile, HeadUrl, kept_heads, read_heads
from tests.unit.records.unguarded import unguarded
from tests.unit.service.test_deadman import Outside

NOW_NS = 1_800_000_000_000_000_000


@pytest.fixture
def records(tmp_path: Path) -> Iterator[SqlRecords]:
    with SqlRecords.open(tmp_path / "records.db", wall_ns=lambda: NOW_NS) as opened:
        yield opened


def write(records: SqlRecords, *references: str, kind: str = "comment", at_ns: int = NOW_NS) -> None:
    for reference in references:
        records.audit(AuditEntry(reference, at_ns, "Ada", kind, "R101", "commented", "why"))


def anchoring(records: SqlRecords, *places: HeadFile) -> Anchoring:
    return Anchoring(records, places, "S1", lambda: NOW_NS)


def figures(anchored: Anchoring) -> dict[str, object]:
    return {reading.name: reading.value for reading in anchored.figures()}


def damage(records: SqlRecords, *statements: str) -> None:
    with records._database.writing() as connection, unguarded(connection):
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_each_new_head_is_a_line_of_a_file_that_is_only_added_to(records: SqlRecords, tmp_path: Path) -> None:
    place = HeadFile(tmp_path / "heads.log")
    anchored = anchoring(records, place)

    anchored.look()
    write(records, "a", "b")
    anchored.look()
    anchored.look()
    write(records, "c")
    anchored.look()

    lines = [json.loads(line) for line in place.path.read_text().splitlines()]
    assert [line["records"] for line in lines] == [2, 3]
    assert lines[1] == {
        "at": "2027-01-15T08:00:00Z",
        "site": "S1",
        "records": 3,
        "hash": records.audit_head().hash,
    }


def test_what_a_crash_left_unwritten_or_torn_is_written_by_the_next_start(records: SqlRecords, tmp_path: Path) -> None:
    place = HeadFile(tmp_path / "heads.log")
    write(records, "a")
    anchoring(records, place).look()
    write(records, "b")
    with place.path.open("ab") as file:
        file.write(b'{"at": "2027-01')

    anchoring(records, place).look()

    assert [head.records for head in read_heads(place.path)] == [1, 2]
    assert records.verify_audit(kept_heads([place])).records == 2


def test_a_place_that_cannot_be_written_is_told_and_catches_up(records: SqlRecords, tmp_path: Path) -> None:
    place = HeadFile(tmp_path / "away" / "heads.log")
    anchored = anchoring(records, place)
    write(records, "a")

    anchored.look()
    assert figures(anchored)["thermowell_audit_head_failing"] == 1
    place.path.parent.mkdir()
    anchored.look()

    assert figures(anchored)["thermowell_audit_head_failing"] == 0
    assert [head.records for head in read_heads(place.path)] == [1]


def test_a_place_that_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RetryLater):
        HeadFile(tmp_path).newest()


def test_a_tail_that_was_cut_off_is_named_and_alarms(records: SqlRecords, tmp_path: Path) -> None:
    place = HeadFile(tmp_path / "heads.log")
    write(records, "a", "b", "c")
    anchored = anchoring(records, place)
    anchored.look()

    damage(records, "DELETE FROM audit WHERE sequence = 3")
    anchored.look()

    assert records.verify_audit().records == 2  # the chain alone cannot tell
    with pytest.raises(DamagedFile, match="audit record 3 is missing: the trail is cut off"):
        records.verify_audit(kept_heads([place]))
    assert figures(anchored)["thermowell_audit_head_differs"] == 1
    assert [head.records for head in read_heads(place.path)] == [3]


def test_a_chain_that_was_written_anew_is_named(records: SqlRecords, tmp_path: Path) -> None:
    place = HeadFile(tmp_path / "heads.log")
    anchored = anchoring(records, place)
    for reference in "abc":
        write(records, reference)
        anchored.look()

    damage(records, "DELETE FROM audit WHERE sequence > 1")
    write(records, "x", "y", "z")  # hashed properly, by somebody who has this program

    assert records.verify_audit().records == 4
    with pytest.raises(DamagedFile, match="audit record 2 or one up to 2 was written anew"):
        records.verify_audit(kept_heads([place]))
    anchored.look()
    assert figures(anchored)["thermowell_audit_head_differs"] == 1


def test_what_a_restore_took_away_is_no_damage_as_the_trail_says_so(records: SqlRecords, tmp_path: Path) -> None:
    place = HeadFile(tmp_path / "heads.log")
    write(records, "a", "b", "c")
    anchored = anchoring(records, place)
    anchored.look()

    damage(records, "DELETE FROM audit WHERE sequence > 1")  # as a backup has it
    write(records, "restore", kind=RESTORE)
    write(records, "d", "e")
    anchored.look()

    assert records.verify_audit(kept_heads([place])).records == 4
    assert figures(anchored)["thermowell_audit_head_differs"] == 0
    assert [head.records for head in read_heads(place.path)] == [3, 4]


@pytest.mark.parametrize("behind", [b"", b'{"records": 9', b"\n" * 5_000], ids=["whole", "torn", "blank"])
def test_the_newest_head_of_a_long_file_is_found_from_its_end(tmp_path: Path, behind: bytes) -> None:
    place = HeadFile(tmp_path / "heads.log")
    told = [json.dumps({"at": "2027-01-15T08:00:00Z", "records": n, "hash": f"{n:064x}"}) for n in range(1, 200)]
    place.path.write_bytes("\n".join(told).encode() + b"\n" + behind)

    newest = place.newest()

    assert newest is not None
    assert (newest.records, newest) == (199, read_heads(place.path)[-1])


@pytest.fixture
def outside() -> Iterator[Outside]:
    made = Outside()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_an_address_gets_each_new_head_once_and_what_it_missed_as_the_newest(
    records: SqlRecords, outside: Outside
) -> None:
    anchored = Anchoring(records, [HeadUrl(outside.url)], "S1", lambda: NOW_NS)
    write(records, "a")
    anchored.look()
    anchored.look()
    outside.status = 503
    write(records, "b", "c")
    anchored.look()
    failing = figures(anchored)["thermowell_audit_head_failing"]
    outside.status = 200
    anchored.look()

    head = records.audit_head()
    assert [each["records"] for each in outside.taken] == [1, 3]
    assert outside.taken[-1] == {"at": "2027-01-15T08:00:00Z", "site": "S1", "records": 3, "hash": head.hash}
    assert (failing, figures(anchored)["thermowell_audit_head_failing"]) == (1, 0)


def test_the_next_start_sends_the_head_that_a_crash_kept_back(records: SqlRecords, outside: Outside) -> None:
    write(records, "a")
    Anchoring(records, [HeadUrl(outside.url)], "S1", lambda: NOW_NS).look()
    write(records, "b")

    Anchoring(records, [HeadUrl(outside.url)], "S1", lambda: NOW_NS).look()

    assert [each["records"] for each in outside.taken] == [1, 2]


def test_what_an_address_took_proves_a_tail_that_was_cut_off(
    records: SqlRecords, outside: Outside, tmp_path: Path
) -> None:
    anchored = Anchoring(records, [HeadUrl(outside.url)], "S1", lambda: NOW_NS)
    write(records, "a", "b")
    anchored.look()
    damage(records, "DELETE FROM audit WHERE sequence = 2")
    anchored.look()
    kept = tmp_path / "kept by the server"
    kept.write_text("".join(f"{json.dumps(each)}\n" for each in outside.taken))

    assert figures(anchored)["thermowell_audit_head_differs"] == 1
    with pytest.raises(DamagedFile, match="record 2 is missing: the trail is cut off"):
        records.verify_audit(read_heads(kept))


def test_the_secret_of_an_address_stands_in_no_name_and_no_warning(
    records: SqlRecords, outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    place = HeadUrl(outside.url.replace("http://", "http://core:hidden@"))
    outside.status = 500
    write(records, "a")
    anchored = Anchoring(records, [place], "S1", lambda: NOW_NS)
    with caplog.at_level("WARNING"):
        anchored.look()

    told = f"{place.name} {place!r} {[each.labels for each in anchored.figures()]} {caplog.text}"
    assert "was not kept" in caplog.text
    assert "secret" not in told
    assert "hidden" not in told
