"""A replay from what is left of the journal and from the record: the same, version by version, people's actions included."""

import asyncio
import json
import re
from pathlib import Path

import numpy as np
import pytest

from alarms.book import AlarmBook
from detectors.bank import Bank
from detectors.identity import detector_hash
from domain.entries import (
    ActionKind,
    ConfigurationActivated,
    Entry,
    Heartbeat,
    PersonAction,
    Position,
    Rejudge,
)
from domain.findings import Stage
from domain.rules import Priority
from domain.samples import SampleBatch
from domain.tags import TagTable
from domain.time import SECOND_NS, format_time
from historian.chunks.readiness import Policy
from historian.chunks.store import ChunkStore
from historian.journal import ReadOnlyJournal, SqliteJournal
from historian.journal.schema import connect_writer
from records.database import SqlRecords
from service.cli import main
from service.cli.replay import show_changes
from service.config.build import Configuration, load
from service.files import Files
from service.judging import Judge, Rhythm
from service.rechecking import Record
from service.replaying import Change
from service.tag_table import define
from tests.unit.alarms.shift import finding

T0 = 1_790_000_000 * SECOND_NS
POLICY = Policy(rows_per_chunk=20, settle_ns=SECOND_NS, check_every_ns=SECOND_NS, checkpoint_every_ns=30 * SECOND_NS)
CONFIGURATION = """
site: replayed
data: ./data
approval: off
sources:
  floor: {{mqtt: {{url: "mqtt://127.0.0.1:1", topics: ["plant/#"]}}}}
tags:
  LEVEL: {{source: floor, topic: plant/level, value: /v, time: /t, unit: m3, stale: 30s, limits: {{high: {high}}}}}
  OTHER: {{source: floor, topic: plant/other, value: /v, time: /t, unit: m3}}
"""


def written(folder: Path, high: float = 9.0, name: str = "thermowell.yaml") -> Path:
    file = folder / name
    file.write_text(CONFIGURATION.format(high=high))
    return file


def samples(second: float, *rows: tuple[int, float]) -> SampleBatch:
    count = len(rows)
    return SampleBatch(
        "floor",
        T0,
        np.array([tag for tag, _ in rows], np.uint32),
        np.full(count, T0 + round(second * SECOND_NS)),
        None,
        np.array([value for _, value in rows]),
        np.zeros(count, np.uint32),
    )


def plants_life(configuration: Configuration) -> list[Entry]:
    """Ten minutes of a level with excursions, silence, late rows and a person who acknowledges."""
    life: list[Entry] = [ConfigurationActivated(T0, configuration.hash, configuration.text, "1", False)]
    life += define(TagTable(), configuration.tags, T0, lambda: "uuid")
    for second in range(600):
        value = 10.0 + second / 100 if 100 <= second < 160 or 300 <= second < 320 else 8.0
        if not 200 <= second < 260:
            life.append(samples(second, (0, value), (1, 1.0)))
        if second % 5 == 0:
            life.append(Heartbeat("floor", T0 + second * SECOND_NS, True, T0 + second * SECOND_NS, 0))
        if second == 150:
            life.append(
                PersonAction("a1", T0 + second * SECOND_NS, "J. Weiss", ActionKind.ACKNOWLEDGE, "LEVEL~high", "seen")
            )
        if second == 400:
            life.append(samples(90.5, (0, 12.0)))
            life.append(samples(230.5, (0, 12.0)))
        if second == 410:
            life.append(Rejudge(0, T0 + 90 * SECOND_NS, T0 + 231 * SECOND_NS))
    return life


async def lived(file: Path, *, trim: bool = True) -> Files:
    """Let a service live through it: journal, store, records, the judge; then trim the journal."""
    configuration = load(file)
    files = Files(configuration.data).made()
    journal = SqliteJournal.open(files.journal, flush_interval_s=0.001)
    records = SqlRecords.open(files.records)
    positions = [await journal.append(entry) for entry in plants_life(configuration)]
    reader = ReadOnlyJournal(files.journal)
    with ChunkStore.open(files.history, policy=POLICY) as store:
        rules = configuration.rulebook
        judge = Judge(
            journal,
            records,
            Bank(rules, ()),
            AlarmBook(rules),
            lambda _: (),
            lambda _: None,
            rhythm=Rhythm(lambda: 0.0, 0.0, 1e9),
        )
        judge.rows_as_of = Record(store, reader, store.cursor).as_of
        for position, entry in reader_of(reader, positions[-1]):
            if isinstance(entry, SampleBatch):
                store.write(position, entry)
                store.flush()
            judge.take(position, entry)
        with records.unit_of_work() as work:
            work.cursor("judging", positions[-1])
        store.flush(everything=True)
    if trim:
        await journal.trim(positions[-1])
    journal.close()
    reader.close()
    records.close()
    return files


def reader_of(reader: ReadOnlyJournal, last: Position):
    at = Position(0)
    while at < last:
        entries = reader.read(at)
        yield from entries
        at = entries[-1][0]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    with pytest.raises(SystemExit) as ended:
        main(["replay", *arguments, "--format", "json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("trim", [False, True])
def test_nothing_differs_from_the_journal_and_from_the_store(tmp_path: Path, capsys, trim: bool):
    file = written(tmp_path)
    asyncio.run(lived(file, trim=trim))

    code, report = told(capsys, str(file))

    assert (code, report["differ"], report["differences"], report["inexact"]) == (0, 0, [], [])
    assert int(str(report["compared"])) > 15


def test_it_has_late_rows_silence_and_an_acknowledgement_to_compare(tmp_path: Path):
    files = asyncio.run(lived(written(tmp_path)))
    records = SqlRecords.open(files.records)
    versions = list(records.written_versions())

    assert {each.rule for each in versions} == {"fixed.high", "stale"}
    assert any("rejudged" in each.evidence for each in versions)
    assert any(each.person == "J. Weiss" for each in records.transitions(None, 100))


def test_a_version_that_was_changed_in_the_records_differs(tmp_path: Path, capsys):
    file = written(tmp_path)
    files = asyncio.run(lived(file))
    connection = connect_writer(str(files.records))
    connection.execute("DROP TRIGGER findings_no_update")
    connection.execute("UPDATE findings SET onset_ns = onset_ns + 1 WHERE version = 2")
    connection.close()

    code, report = told(capsys, str(file))

    assert code == 1
    assert int(str(report["differ"])) >= 1


def test_without_the_kept_heartbeats_it_differs(tmp_path: Path, capsys):
    file = written(tmp_path)
    files = asyncio.run(lived(file))
    connection = connect_writer(str(files.journal))
    connection.execute("DELETE FROM beat_run")
    connection.close()

    assert told(capsys, str(file))[0] == 1


def test_another_configuration_shows_what_it_would_have_alarmed(tmp_path: Path, capsys):
    file = written(tmp_path)
    asyncio.run(lived(file))

    code, report = told(capsys, str(file), "--config", str(written(tmp_path, 11.5, "new.yaml")))

    changes = report["changes"]
    assert isinstance(changes, list)
    assert code == 1
    assert {(each["change"], (each["before"] or each["after"])["rule"]) for each in changes} == {
        ("changed", "fixed.high")
    }
    assert len(changes) == 4


def test_limits_that_nothing_reaches_leave_nothing_but_silence(tmp_path: Path, capsys):
    file = written(tmp_path)
    asyncio.run(lived(file))

    _, report = told(capsys, str(file), "--config", str(written(tmp_path, 99.0, "new.yaml")))

    changes = report["changes"]
    assert isinstance(changes, list)
    assert {each["change"] for each in changes} == {"gone"}


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    with pytest.raises(SystemExit) as ended:
        main(["replay", *arguments])
    return int(ended.value.code or 0), capsys.readouterr().out.splitlines()


def test_without_a_difference_one_line_has_the_counts_and_the_detectors(tmp_path: Path, capsys):
    file = written(tmp_path)
    asyncio.run(lived(file))

    code, lines = shown(capsys, str(file), "--config", str(file))

    assert code == 0
    assert len(lines) == 1
    assert re.fullmatch(r"nothing differs: \d+ findings compared, .*judged then and now by detectors \w{12}", lines[0])


def test_the_table_of_alarms_leads_and_events_are_a_number_until_they_are_asked_for(capsys):
    high = finding("excursion.nor.high", Stage.OPEN, 10)
    spikes = [finding("spike", Stage.CLEARED, at, end_s=at, id_=f"spike {at}") for at in (20, 30)]
    found = [
        Change("added", high, None, Priority.HIGH),
        *(Change("gone", each, each, Priority.EVENT) for each in spikes),
    ]
    figures = {"entries": 9, "plant_days": 1.5, "seconds": 0.1, "compared": 3}

    show_changes(found, figures, [], [], events=False)
    folded = capsys.readouterr().out.splitlines()
    show_changes(found, figures, [], [], events=True)
    listed = capsys.readouterr().out
    show_changes(found[1:], figures, [], [], events=False)
    events_alone = capsys.readouterr().out.splitlines()

    assert folded[0].split() == ["change", "rule", "subject", "batch", "number"]
    assert folded[1].split() == ["added", "excursion.nor.high", "R101.TT", "B-1", "1"]
    assert folded[3] == "2 events differ (2 spike); --events lists them"
    assert "spike v1" not in " ".join(folded)
    assert listed.count("spike v1") == 2
    assert events_alone[0] == "no alarm differs"


def test_findings_that_another_program_wrote_are_compared_and_both_programs_are_told(tmp_path: Path, capsys):
    file = written(tmp_path)
    files = asyncio.run(lived(file))
    connection = connect_writer(str(files.records))
    connection.execute("DROP TRIGGER findings_no_update")
    connection.execute("UPDATE findings SET evidence = json_set(evidence, '$.detector', '0123456789ab')")
    connection.close()

    code, report = told(capsys, str(file))
    _, lines = shown(capsys, str(file), "--config", str(written(tmp_path, 11.2, "new.yaml")))

    assert (code, report["differ"]) == (0, 0)
    assert report["detectors"] == {"written": ["0123456789ab"], "replayed": detector_hash()[:12]}
    assert f"judged then by detectors 0123456789ab, now by {detector_hash()[:12]}: the program differs" in lines[-1]


def test_only_the_asked_time_is_compared(tmp_path: Path, capsys):
    file = written(tmp_path)
    asyncio.run(lived(file))
    whole = told(capsys, str(file))[1]

    start, end = format_time(T0 + 290 * SECOND_NS), format_time(T0 + 350 * SECOND_NS)
    code, part = told(capsys, str(file), "--from", start, "--to", end)

    assert code == 0
    assert 0 < int(str(part["compared"])) < int(str(whole["compared"]))


def test_a_configuration_that_never_ran_is_refused(tmp_path: Path, capsys):
    asyncio.run(lived(written(tmp_path)))

    with pytest.raises(SystemExit) as ended:
        main(["replay", str(written(tmp_path, 10.0))])

    assert ended.value.code == 2
    assert "has changed since it ran" in capsys.readouterr().err
