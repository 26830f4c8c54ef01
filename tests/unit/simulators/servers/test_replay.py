import asyncio
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.entries import Position
from domain.ports import Rows
from domain.tags import Tag, TagId
from domain.time import SECOND_NS, parse_time_ns
from historian.export import write_csv, write_parquet
from simulators.outlets import Update
from simulators.servers.replay_feed import Replay, feed
from simulators.servers.replay_files import ReplayError

T_NS = parse_time_ns("2026-01-01T00:00:00Z")
LONG = "time,tag,value,quality\n2026-01-01T00:00:02Z,R101.TT,21.5,Good\n2026-01-01,R101.TT,20.5,\n2026-01-01T00:00:01Z,R101.ON,true,Bad\n"


def written(folder: Path, text: str, name: str = "values.csv") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def updates(replay: Replay) -> list[tuple[str, object, float, int]]:
    """(tag, value, seconds after `T_NS`, status), in the order of the replay."""
    return [
        (update.name, update.value, (update.time_ns - T_NS) / SECOND_NS, update.status)
        for moment in replay.moments()
        for update in moment.updates
    ]


def test_rows_of_a_long_file_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    replay = Replay([written(tmp_path, LONG)])

    assert updates(replay) == [
        ("R101.TT", 20.5, 0.0, 0),
        ("R101.ON", True, 1.0, 0x8000_0000),
        ("R101.TT", 21.5, 2.0, 0),
    ]
    assert [(tag.name, tag.kind) for tag in replay.tags] == [("R101.TT", float), ("R101.ON", bool)]


def test_a_wide_file_has_a_tag_in_each_column_and_an_empty_field_is_no_value(tmp_path: Path) -> None:
    text = "time_ms,T.TT,T.BATCH\n1767225600000,1.5,A-1\n1767225601000,,A-2\n"

    assert updates(Replay([written(tmp_path, text)])) == [
        ("T.TT", 1.5, 0.0, 0),
        ("T.BATCH", "A-1", 0.0, 0),
        ("T.BATCH", "A-2", 1.0, 0),
    ]


class Exported:
    """A history of three rows, one of them Bad, for the export's own writers."""

    def read_pieces(
        self, tag: int, start_ns: int, end_ns: int, *, as_of: Position | None = None, versions: bool = False
    ):
        time_ns = np.array([T_NS, T_NS + 1, T_NS + SECOND_NS])
        value, status = np.array([0.1, np.nan, -3.0]), np.array([0, 0x808C_0000, 0x4090_0000], np.uint32)
        yield Rows(time_ns, value, status, np.array([1, 1, 2]), np.array([0, 1, 0], np.int32))


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_our_own_export_comes_back_to_the_nanosecond_and_the_bit(tmp_path: Path, write) -> None:
    tag = Tag(TagId(3), "u", 1, "R101.TT", "train", "x", unit="degC")
    file = tmp_path / ("R101.TT.csv" if write is write_csv else "other.parquet")
    write(Exported(), tag, T_NS, T_NS + 10 * SECOND_NS, file)
    replay = Replay([file])
    told = [update for moment in replay.moments() for update in moment.updates]

    assert [(update.name, update.time_ns - T_NS, update.status) for update in told] == [
        ("R101.TT", 0, 0),
        ("R101.TT", 1, 0x808C_0000),
        ("R101.TT", SECOND_NS, 0x4090_0000),
    ]
    assert (told[0].value, told[2].value) == (0.1, -3.0)


def test_parquet_with_times_of_its_own_type_and_texts(tmp_path: Path) -> None:
    file = tmp_path / "values.parquet"
    times = pa.array([T_NS // 1000, T_NS // 1000 + 1], pa.timestamp("us", tz="Europe/Zurich"))
    pq.write_table(pa.table({"timestamp": times, "tag": ["a", "b"], "value": ["x", "7"]}), file)

    assert updates(Replay([file])) == [("replay.a", "x", 0.0, 0), ("replay.b", 7.0, 1e-6, 0)]


def test_only_the_range_is_taken_and_its_end_is_left_out(tmp_path: Path) -> None:
    replay = Replay([written(tmp_path, LONG)], start_ns=T_NS + 1, end_ns=T_NS + 2 * SECOND_NS)

    assert [name for name, *_ in updates(replay)] == ["R101.ON"]


def test_shifted_times_keep_their_distances_and_due_times_follow_the_speed(tmp_path: Path) -> None:
    replay = Replay([written(tmp_path, LONG)], speed=60.0, first_ns=T_NS + 3600 * SECOND_NS)
    moments = list(replay.moments())

    assert [moment.due_s for moment in moments] == pytest.approx([0, 1 / 60, 2 / 60])
    assert [moment.updates[0].time_ns for moment in moments] == [T_NS + (3600 + n) * SECOND_NS for n in range(3)]


def test_times_of_now_are_those_of_sending(tmp_path: Path) -> None:
    moments = Replay([written(tmp_path, LONG)], speed=2.0).moments(now_ns=5 * T_NS)

    assert [moment.updates[0].time_ns - 5 * T_NS for moment in moments] == [0, SECOND_NS // 2, SECOND_NS]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("later,R101.TT,1,Good", "'later' is neither ISO 8601"),
        (",R101.TT,1,Good", "'' is neither ISO 8601"),
        ("1767225600,R101.TT,1,Good", "is a number: name its column time_ns"),
        ("2026-01-01,,1,Good", "it names no tag"),
        ("2026-01-01,R101.TT,hot,Good", "tag 'R101.TT': 'hot' is a text, its values before were a number"),
        ("2026-01-01,R101.TT,1,Fair", "the quality 'Fair' is neither Good, Uncertain nor Bad"),
        ("2026-01-01,R101.TT,1", "3 columns, but the first line names 4"),
    ],
)
def test_a_bad_line_is_named_with_its_place(tmp_path: Path, line: str, problem: str) -> None:
    file = written(tmp_path, f"{LONG}{line}\n")
    with pytest.raises(ReplayError) as refused:
        Replay([file])
    replay = Replay([file], skip_bad=True)

    assert str(refused.value).startswith(f"{file}:5: ")
    assert problem in str(refused.value)
    assert (replay.rows, replay.bad) == (3, (str(refused.value),))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the file is empty"),
        ("when,tag,value\n", "no column is a time .*there are 'when', 'tag', 'value'"),
        ("time,tag,reading\n", "no column 'value', and no tags; there are 'time', 'tag', 'reading'"),
        ("time,A,A\n", "two columns have the same name: A"),
        ("time,tag,value\n", "no value between the start and the end"),
    ],
)
def test_a_file_that_cannot_be_replayed_says_why(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ReplayError, match=problem):
        Replay([written(tmp_path, text)])


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"none\.csv: No such file"):
        Replay([tmp_path / "none.csv"])
    with pytest.raises(ReplayError, match=r"broken\.parquet: "):
        Replay([written(tmp_path, "no parquet at all", "broken.parquet")])


class Kept:
    def __init__(self) -> None:
        self.updates: list[Update] = []

    async def write(self, updates: list[Update]) -> None:
        self.updates.extend(updates)


async def test_a_feed_sends_everything_in_order_and_stops_when_told(tmp_path: Path) -> None:
    text = "time_s,T.TT\n" + "".join(f"{n},{n}\n" for n in range(20_000))
    replay, all_of_it, some = Replay([written(tmp_path, text)], speed=0.0), Kept(), Kept()
    sent = await feed(replay, [all_of_it], asyncio.Event())
    stopped = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, stopped.set)
    slowly = await feed(Replay([tmp_path / "values.csv"], speed=10.0), [some], stopped)

    assert sent == 20_000
    assert [update.value for update in all_of_it.updates] == list(range(20_000))
    assert slowly == len(some.updates) < 100
