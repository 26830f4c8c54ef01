"""The trend behind a text, from a real journal and history, to a real mail server."""

from email.message import EmailMessage
from pathlib import Path

import numpy as np
import pytest

from alarms.book import AlarmBook
from alarms.routing import Audience, notices_for_all
from alarms.wording import Wording
from domain.alarms import Transition
from domain.entries import TagDefined
from domain.findings import Stage
from domain.rules import Rulebook
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from domain.time import MINUTE_NS, SECOND_NS
from historian.chunks.store import ChunkStore
from historian.journal.writer import SqliteJournal
from records.database import SqlRecords
from service.telling.drawing import draw
from service.telling.outbox import Outbox
from service.telling.pictures import Pictures
from service.telling.trends import Trend, trend_of
from tests.acceptance.telling.servers import Mailbox, mail_server
from tests.acceptance.telling.test_people_are_told import QUICK, mail, until
from tests.ports import free_port
from tests.unit.alarms.shift import finding
from tests.unit.telling.test_outbox import running

# apprise loads all of its plugins at once, and some import modules that Python will drop.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise.*")

ONSET_S = 1_772_359_200
ONSET_NS = ONSET_S * SECOND_NS


async def journaled(folder: Path) -> None:
    """Twenty minutes of a tag, one sample Bad, all of it still in the journal."""
    time_ns = np.arange(ONSET_NS - 20 * MINUTE_NS, ONSET_NS + MINUTE_NS, SECOND_NS)
    count = len(time_ns)
    status = np.zeros(count, np.uint32)
    status[1_000] = 0x8000_0000
    value = np.linspace(50.0, 63.0, count)
    batch = SampleBatch("train1", ONSET_NS, np.ones(count, np.uint32), time_ns, None, value, status)
    tag = Tag(id=TagId(1), uuid="u1", version=1, name="R101.TT", source="train1", address="ns=1;s=TT", unit="degC")
    journal = SqliteJournal.open(folder / "journal.db")
    try:
        await journal.append(TagDefined(tag, 1), batch)
    finally:
        journal.close()
    ChunkStore.open(folder / "history").close()


def alarm(records: SqlRecords) -> Transition:
    found = finding("excursion.validated.high", Stage.OPEN, ONSET_S)
    transitions = AlarmBook(Rulebook()).apply(found)
    with records.unit_of_work() as work:
        work.findings([found])
        work.transitions(transitions)
        work.notices(notices_for_all(transitions, [Audience("leads")], Wording("demo")))
    return transitions[0]


def pictures(records: SqlRecords, folder: Path, port: int) -> Pictures:
    def read(said: Transition) -> Trend | None:
        return trend_of(said, records, folder / "journal.db", folder / "history")

    return Pictures({"leads": mail(port)}, records, read, draw)


async def test_a_trend_is_what_the_journal_and_the_history_have(tmp_path: Path) -> None:
    await journaled(tmp_path)
    with SqlRecords.open(tmp_path / "records.db") as records:
        trend = trend_of(alarm(records), records, tmp_path / "journal.db", tmp_path / "history")

    assert trend is not None
    assert (trend.name, trend.unit, trend.onset_ns) == ("R101.TT", "degC", ONSET_NS)
    assert np.isnan(trend.value).sum() == 1
    assert np.nanmax(trend.value) > 60.0


async def test_a_mail_with_the_text_is_followed_by_one_with_the_trend(tmp_path: Path) -> None:
    await journaled(tmp_path)
    box, port = Mailbox(), free_port()
    with SqlRecords.open(tmp_path / "records.db") as records, mail_server(box, port):
        alarm(records)
        outbox = Outbox(records, [mail(port)], patience=QUICK, pictures=pictures(records, tmp_path, port))
        async with running(outbox):
            await until(lambda: len(box.mails) == 2)
            await until(lambda: records.notice_counts()["sent"] == 1)

    text, picture = box.mails
    assert text.get_content_type() == "text/plain"
    assert picture["Subject"] == f"Trend: {text['Subject']}"
    (attached,) = [each for each in picture.walk() if each.get_content_type() == "image/png"]
    assert isinstance(attached, EmailMessage)
    assert attached.get_content().startswith(b"\x89PNG")
    body = picture.get_body(("plain",))
    assert body is not None
    assert "R101.TT~high.1" in body.get_content()


async def test_without_a_store_the_text_comes_alone(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"no database at all" * 100)
    box, port = Mailbox(), free_port()
    with SqlRecords.open(tmp_path / "records.db") as records, mail_server(box, port):
        alarm(records)
        drawn = pictures(records, tmp_path, port)
        async with running(Outbox(records, [mail(port)], patience=QUICK, pictures=drawn)):
            await until(lambda: drawn.outcomes["failed"] == 1)
            await until(lambda: records.notice_counts()["sent"] == 1)

    assert len(box.mails) == 1
