"""A picture follows a text, or it does not: nothing that it meets reaches the text."""

import asyncio
import io
import threading
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from PIL import Image

from alarms.wording import Reader
from domain.alarms import Notice, Transition
from domain.errors import RetryLater
from domain.ports import Receipt
from domain.time import HOUR_NS, MINUTE_NS, SECOND_NS, parse_time_ns
from service.telling.drawing import HEIGHT, WIDTH, draw, round_marks
from service.telling.outbox import Outbox
from service.telling.pictures import Limits, Pictures
from service.telling.trends import Trend, stretch_of
from tests.checks.records import transition
from tests.fake_records import MemoryRecords
from tests.patience import LIMIT_S
from tests.unit.telling.test_outbox import QUICK, ScriptedChannel, running, until

USUAL = Limits()
ONSET_NS = parse_time_ns("2026-03-01T10:00:00Z")
RED = (0xB3, 0x26, 0x1E)


def trend(value: np.ndarray | None = None, **changed: object) -> Trend:
    time_ns = np.arange(ONSET_NS - HOUR_NS, ONSET_NS + 10 * MINUTE_NS, 5 * SECOND_NS)
    rises = np.where(time_ns < ONSET_NS, 55.0, 55.0 + (time_ns - ONSET_NS) / MINUTE_NS)
    value = rises if value is None else value
    made = Trend("R101.TT", "degC", time_ns, value, int(time_ns[0]), int(time_ns[-1]) + 1, ONSET_NS, 60.0)
    return replace(made, **changed)  # type: ignore[arg-type]  # the caller names fields


def colours(png: bytes) -> set[tuple[int, ...]]:
    image = Image.open(io.BytesIO(png)).convert("RGB")
    assert image.size == (WIDTH, HEIGHT)
    return {colour for _, colour in image.getcolors(WIDTH * HEIGHT) or []}  # type: ignore[misc]  # RGB


def test_what_is_outside_is_in_colour_and_nothing_else() -> None:
    assert RED in colours(draw(trend(), Reader()))
    assert RED not in colours(draw(trend(onset_ns=ONSET_NS + HOUR_NS), Reader()))


def test_a_picture_is_small_enough_for_a_phone() -> None:
    assert len(draw(trend(), Reader("de", ZoneInfo("Europe/Berlin")))) < 30_000


@pytest.mark.parametrize(
    "value",
    [
        np.full(840, 7.0),
        np.full(840, -1e-12),
        np.r_[np.full(839, np.nan), 4.0],
        np.r_[np.full(400, 5.0), np.full(40, np.nan), np.full(400, 6e9)],
        np.linspace(-1e300, 1e300, 840),
    ],
    ids=["still", "tiny", "one value", "with a hole", "huge"],
)
@pytest.mark.parametrize("limit", [None, 5.0])
def test_whatever_the_values_are_there_is_a_picture(value: np.ndarray, limit: float | None) -> None:
    assert colours(draw(trend(value, limit=limit), Reader()))


def test_a_peak_between_many_samples_is_drawn() -> None:
    time_ns = np.arange(ONSET_NS - HOUR_NS, ONSET_NS, SECOND_NS // 20)
    value = np.zeros(len(time_ns))
    calm = draw(trend(value, time_ns=time_ns, limit=100.0, onset_ns=ONSET_NS + HOUR_NS), Reader())
    value[40_001] = 99.0
    peak = draw(trend(value, time_ns=time_ns, limit=100.0, onset_ns=ONSET_NS + HOUR_NS), Reader())
    assert peak != calm


@pytest.mark.parametrize(("low", "high"), [(0, 1), (54.6, 65.4), (-3e-9, 8e-9), (1e6, 1e6 + 3), (-7, 950)])
def test_the_marks_are_round_and_neither_few_nor_many(low: float, high: float) -> None:
    marks = round_marks(low, high)
    assert 3 <= len(marks) <= 11
    assert all(low <= each <= high for each in marks)


def test_a_picture_shows_mostly_what_came_before() -> None:
    said = replace(transition(), at_ns=ONSET_NS + HOUR_NS, since_ns=ONSET_NS)
    assert stretch_of(said) == (ONSET_NS - 3 * HOUR_NS, ONSET_NS, ONSET_NS + HOUR_NS + 1)
    long = replace(said, at_ns=ONSET_NS + 100 * HOUR_NS)
    assert stretch_of(long)[0] == ONSET_NS + 76 * HOUR_NS
    assert stretch_of(replace(said, since_ns=None))[1] == said.at_ns


# After the text


class PictureScreen(ScriptedChannel):
    """Takes texts, and pictures as the script says."""

    def __init__(self, *script: Exception | threading.Event) -> None:
        super().__init__("leads")
        self.pictures: list[tuple[Notice, bytes]] = []
        self._steps = iter(script)

    def send_picture(self, notice: Notice, png: bytes) -> Receipt:
        step = next(self._steps, None)
        if isinstance(step, threading.Event):
            step.wait(LIMIT_S)
        elif step is not None:
            raise step
        self.pictures.append((notice, png))
        return Receipt("taken")


def tell(records: MemoryRecords, number: int = 1, *, what: str = "activated", id_: str = "") -> None:
    said = replace(transition(), id=f"a{number}.1", alarm=f"a{number}", what=what, announces=what != "returned")
    with records.unit_of_work() as work:
        work.transitions([said])
        work.notices([Notice(id_ or f"{said.id}@leads", "leads", f"HIGH: a{number}", "text", said.id, 1)])


def read(said: Transition) -> Trend | None:
    return trend()


@asynccontextmanager
async def telling(
    records: MemoryRecords,
    channel: PictureScreen,
    reading: Callable[[Transition], Trend | None] = read,
    limits: Limits = USUAL,
):
    pictures = Pictures({"leads": channel}, records, reading, draw, limits=limits)
    outbox = Outbox(records, [channel], patience=QUICK, pictures=pictures)
    async with running(outbox):
        yield pictures


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


async def test_the_text_comes_first_and_the_picture_names_its_transition(records: MemoryRecords) -> None:
    screen = PictureScreen()
    tell(records)
    async with telling(records, screen):
        await until(lambda: len(screen.pictures) == 1)

    (notice, png) = screen.pictures[0]
    assert [each.title for each in screen.got] == ["HIGH: a1"]
    assert (notice.title, notice.kind) == ("Trend: HIGH: a1", "picture")
    assert "a1.1" in notice.text
    assert "2026-03-01T09:00:00Z" in notice.text
    assert png.startswith(b"\x89PNG")


@pytest.mark.parametrize("where", ["reading", "sending"])
async def test_a_picture_that_hangs_holds_no_text_and_no_end(records: MemoryRecords, where: str) -> None:
    never = threading.Event()

    def hangs(said: Transition) -> Trend | None:
        never.wait(LIMIT_S)
        return None

    screen = PictureScreen(*([never] if where == "sending" else []))
    reading = hangs if where == "reading" else read
    tell(records)
    try:
        async with telling(records, screen, reading, Limits(0.2, 0.2)) as pictures:
            await until(lambda: pictures.outcomes["failed"] == 1)
            for number in range(2, 6):
                tell(records, number)
            await until(lambda: records.notice_counts()["sent"] == 5)
            await until(lambda: pictures.outcomes["left out"] == 4)
    finally:
        never.set()

    assert len(screen.got) == 5


@pytest.mark.parametrize("error", [RetryLater("the store is away"), ZeroDivisionError("a defect"), OSError("broken")])
async def test_a_store_that_is_broken_costs_the_picture_alone(records: MemoryRecords, error: Exception) -> None:
    def breaks(said: Transition) -> Trend | None:
        raise error

    screen = PictureScreen()
    tell(records)
    async with telling(records, screen, breaks) as pictures:
        await until(lambda: pictures.outcomes["failed"] == 1)
        tell(records, 2)
        await until(lambda: pictures.outcomes["failed"] == 2)

    assert len(screen.got) == 2
    assert records.notice_counts()["sent"] == 2


async def test_a_channel_that_refuses_the_picture_has_the_text(records: MemoryRecords) -> None:
    screen = PictureScreen(RetryLater("too large"))
    tell(records)
    async with telling(records, screen) as pictures:
        await until(lambda: pictures.outcomes["failed"] == 1)

    assert records.notice_counts()["sent"] == 1


@pytest.mark.parametrize("what", ["unsuppressed", "returned_to_service", "unshelved", "realarmed"])
async def test_whatever_asks_people_has_a_picture(records: MemoryRecords, what: str) -> None:
    screen = PictureScreen()
    tell(records, what=what)
    async with telling(records, screen):
        await until(lambda: len(screen.pictures) == 1)


async def test_what_returned_has_no_picture_and_a_step_has_none_again(records: MemoryRecords) -> None:
    screen = PictureScreen()
    tell(records, what="returned")
    tell(records, 2, id_="a2.1@leads#1")
    async with telling(records, screen) as pictures:
        await until(lambda: records.notice_counts()["sent"] == 2)
        await until(lambda: pictures.outcomes["none"] == 1)
        await asyncio.sleep(0.1)

    assert screen.pictures == []


async def test_a_digest_has_no_picture(records: MemoryRecords) -> None:
    screen = PictureScreen()
    for number in range(30):
        tell(records, number)
    async with telling(records, screen) as pictures:
        await until(lambda: records.notice_counts()["sent"] == 30)

    assert (len(screen.got), dict(pictures.outcomes)) == (1, {})


def test_more_than_can_be_drawn_is_left_out_without_waiting(records: MemoryRecords) -> None:
    pictures = Pictures({"leads": PictureScreen()}, records, read, draw)
    for number in range(50):
        pictures.ask(Notice(f"a{number}.1@leads", "leads", "HIGH", "text", f"a{number}.1", 1))

    assert pictures.outcomes["left out"] == 50 - 32
