"""Every answer of InfluxDB is heard: taken, refused for good with the guilty lines found, or to be tried again."""

import socket
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import numpy as np
import pytest

from domain.errors import RetryLater
from historian.influx import LONGEST_WAIT_S, MOST_BYTES, MOST_LINES, Busy, InfluxBucket, InfluxWriter, RefusedLines
from historian.influx_setup import prepare
from historian.line_protocol import Lines
from historian.refused import RefusedFile
from tests.influx_server import FORGETS, RESET, SILENT, TAKEN, Answer, InfluxServer


@pytest.fixture
def server() -> Iterator[InfluxServer]:
    with InfluxServer() as server:
        yield server


@pytest.fixture
def writer(server: InfluxServer) -> Iterator[InfluxWriter]:
    with InfluxWriter(InfluxBucket(server.url, "site", "plant", "sesame")) as writer:
        yield writer


def lines_from(texts: list[str]) -> Lines:
    encoded = [f"{text}\n".encode() for text in texts]
    return Lines(b"".join(encoded), np.cumsum([len(each) for each in encoded], dtype=np.int64))


def some_lines(count: int) -> list[str]:
    return [f"site,tag=A value=1.0,status=0i {index}" for index in range(count)]


def refuse_lines_with(*guilty: str) -> Callable[[list[str]], Answer]:
    def answer(lines: list[str]) -> Answer:
        return (400, "unable to parse") if any(line in guilty for line in lines) else TAKEN

    return answer


def test_lines_arrive_in_order_with_token_bucket_and_precision(server: InfluxServer, writer: InfluxWriter):
    answer = writer.write(lines_from(some_lines(3)))

    assert (answer.refused, answer.too_old) == ([], 0)
    assert server.taken == some_lines(3)
    assert server.queries == [{"org": ["site"], "bucket": ["plant"], "precision": ["ns"]}]
    assert server.tokens == ["Token sesame"]


def test_a_request_holds_no_more_lines_than_influxdb_likes(server: InfluxServer, writer: InfluxWriter):
    writer.write(lines_from(some_lines(MOST_LINES + 1)))

    assert [len(body) for body in server.bodies] == [MOST_LINES, 1]


def test_nothing_to_write_asks_nothing(server: InfluxServer, writer: InfluxWriter):
    writer.write(lines_from([]))

    assert server.bodies == []


def test_two_guilty_lines_of_a_thousand_are_found_and_the_others_written(server: InfluxServer, writer: InfluxWriter):
    lines = some_lines(1000)
    server.answer = refuse_lines_with(lines[17], lines[803])

    refused = writer.write(lines_from(lines)).refused

    assert [entry.lines.text() for entry in refused] == [f"{lines[17]}\n", f"{lines[803]}\n"]
    assert str(refused[0]) == f"400 unable to parse: {lines[17]}"
    assert server.taken == [line for line in lines if line not in (lines[17], lines[803])]


def test_where_everything_is_refused_the_number_of_requests_is_bounded(server: InfluxServer, writer: InfluxWriter):
    server.answer = lambda _: (422, "field type conflict")

    answer = writer.write(lines_from(some_lines(MOST_LINES)))

    assert answer.refused_lines == MOST_LINES
    assert len(server.bodies) < 100


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
def test_what_is_not_the_lines_fault_is_to_be_tried_again(server: InfluxServer, writer: InfluxWriter, code: int):
    server.answer = lambda _: (code, "not now")

    with pytest.raises(RetryLater, match=f"{code} not now"):
        writer.write(lines_from(some_lines(1)))

    assert len(server.bodies) == 1


def test_nobody_listening_is_to_be_tried_again():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        target = InfluxBucket(f"http://127.0.0.1:{taken.getsockname()[1]}", "site", "plant", "sesame")

        with InfluxWriter(target) as writer, pytest.raises(RetryLater, match="cannot be reached"):
            writer.write(lines_from(some_lines(1)))


def test_many_guilty_lines_cost_no_good_one(server: InfluxServer, writer: InfluxWriter):
    lines = some_lines(200)
    guilty = lines[5::20]
    server.answer = refuse_lines_with(*guilty)

    answer = writer.write(lines_from(lines))

    assert "".join(entry.lines.text() for entry in answer.refused) == "".join(f"{line}\n" for line in guilty)
    assert server.taken == [line for line in lines if line not in set(guilty)]


def test_a_request_holds_no_more_bytes_than_a_server_likes(server: InfluxServer, writer: InfluxWriter):
    long = [f'site,tag=A text="{"x" * 300_000}" {index}' for index in range(5)]
    longest = f'site,tag=A text="{"x" * (2 * MOST_BYTES)}" 9'

    writer.write(lines_from([*long, longest, "site,tag=A value=1 10"]))

    assert [len(body) for body in server.bodies] == [3, 2, 1, 1]
    assert all(
        size <= MOST_BYTES for size, body in zip(server.sizes, server.bodies, strict=True) if longest not in body
    )


def test_a_server_with_a_smaller_limit_gets_smaller_requests(server: InfluxServer, writer: InfluxWriter):
    lines = some_lines(1000)
    server.answer = lambda body: (413, "too large") if len(body) > 100 else TAKEN

    answer = writer.write(lines_from(lines))

    assert (server.taken, answer.refused) == (lines, [])


def test_lines_travel_compressed(server: InfluxServer, writer: InfluxWriter):
    writer.write(lines_from(some_lines(1)))

    assert server.encodings == ["gzip"]


def test_rows_older_than_the_bucket_keeps_are_counted_and_guilty_of_nothing(server: InfluxServer, writer: InfluxWriter):
    words = (
        "failure writing points to database: partial write: dropped 3 points outside retention policy of duration 1h"
    )
    server.answer = lambda _: (
        422,
        f"{words} - oldest x, newest y dropped=3 for database: b for retention policy: autogen",
    )

    answer = writer.write(lines_from(some_lines(10)))

    assert (answer.too_old, answer.refused, len(server.bodies)) == (3, [], 1)


@pytest.mark.parametrize("code", [429, 503])
def test_a_server_that_says_how_long_it_is_busy_is_left_alone_for_so_long(
    server: InfluxServer, writer: InfluxWriter, code: int
):
    server.answer = lambda _: (code, "slow down")
    server.headers = {"Retry-After": "17"}

    with pytest.raises(Busy, match=f"{code} slow down") as raised:
        writer.write(lines_from(some_lines(1)))

    assert raised.value.after_s == 17


def test_a_date_to_come_back_at_is_read_by_the_servers_own_clock(server: InfluxServer, writer: InfluxWriter):
    server.answer = lambda _: (503, "starting")
    server.headers = {"Retry-After": formatdate(time.time() + 3600 - 120, usegmt=True)}

    with pytest.raises(Busy) as raised:
        writer.write(lines_from(some_lines(1)))

    assert 3000 < raised.value.after_s < 3500


@pytest.mark.parametrize(("header", "after_s"), [("999999999", LONGEST_WAIT_S), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)])
def test_no_wait_is_endless_and_none_is_negative(
    server: InfluxServer, writer: InfluxWriter, header: str, after_s: float
):
    server.answer = lambda _: (429, "slow down")
    server.headers = {"Retry-After": header}

    with pytest.raises(Busy) as raised:
        writer.write(lines_from(some_lines(1)))

    assert raised.value.after_s == after_s


def test_a_wait_that_nobody_can_read_is_ours_to_choose(server: InfluxServer, writer: InfluxWriter):
    server.answer = lambda _: (503, "starting")
    server.headers = {"Retry-After": "soon"}

    with pytest.raises(RetryLater) as raised:
        writer.write(lines_from(some_lines(1)))

    assert not isinstance(raised.value, Busy)


def test_somebody_else_who_answers_has_taken_nothing(server: InfluxServer, writer: InfluxWriter):
    server.answer = lambda _: (200, "<html>log in</html>")

    with pytest.raises(RetryLater, match="answers 200, which says of no line that it was taken"):
        writer.write(lines_from(some_lines(1)))


def test_a_connection_that_is_reset_is_to_be_tried_again(server: InfluxServer, writer: InfluxWriter):
    server.answer = lambda _: RESET
    with pytest.raises(RetryLater, match="cannot be reached"):
        writer.write(lines_from(some_lines(1)))

    server.answer = lambda _: TAKEN
    writer.write(lines_from(some_lines(1)))

    assert server.taken == some_lines(1)


def test_a_connection_that_is_reset_in_the_middle_of_a_body_is_to_be_tried_again(
    server: InfluxServer, writer: InfluxWriter
):
    noise = np.random.default_rng(1).integers(0, 2**62, MOST_LINES)
    lines = [f"site,tag=A integer={number}i,status=0i {row}" for row, number in enumerate(noise.tolist())]
    server.cut_after = 10
    with pytest.raises(RetryLater, match="cannot be reached"):
        writer.write(lines_from(lines))

    server.cut_after = None
    writer.write(lines_from(lines))

    assert (server.cuts, server.taken) == (1, lines)


def test_lines_that_may_have_been_taken_are_written_again_and_are_there_once(server: InfluxServer):
    server.answer = lambda _: SILENT
    with InfluxWriter(InfluxBucket(server.url, "site", "plant", "sesame"), timeout_ms=300) as writer:
        with pytest.raises(RetryLater, match="cannot be reached"):
            writer.write(lines_from(some_lines(5)))
        server.answer = lambda _: TAKEN
        writer.write(lines_from(some_lines(5)))

    assert len(server.taken) == 10
    assert len(server.points()) == 5


def test_a_server_that_forgets_what_it_says_it_took_is_believed_for_now(server: InfluxServer, writer: InfluxWriter):
    server.answer = lambda _: FORGETS

    answer = writer.write(lines_from(some_lines(5)))

    assert (answer.refused, server.taken) == ([], [])  # `mirror check` finds it


def test_an_answer_that_does_not_come_is_to_be_tried_again():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = InfluxBucket(f"http://127.0.0.1:{silent.getsockname()[1]}", "site", "plant", "sesame")

        with InfluxWriter(target, timeout_ms=200) as writer, pytest.raises(RetryLater, match="cannot be reached"):
            writer.write(lines_from(some_lines(1)))


def test_the_token_is_in_no_text():
    assert "sesame" not in repr(InfluxBucket("http://127.0.0.1:1", "site", "plant", "sesame"))


def refusal(*texts: str, reason: str = "400 no\nsuch") -> RefusedLines:
    return RefusedLines(lines_from(list(texts)), reason)


def test_refused_lines_stay_readable_with_their_reason(tmp_path: Path):
    file = RefusedFile(tmp_path / "mirrors" / "plant.refused")

    file.keep([refusal("a value=1 1", "a value=2 2"), refusal("b value=1 1", reason="422 type")])
    file.keep([])

    kept = file.path.read_text().splitlines()
    assert [line.split(" ", 2)[2] if line.startswith("#") else line for line in kept] == [
        "400 no such",
        "a value=1 1",
        "a value=2 2",
        "422 type",
        "b value=1 1",
    ]


def test_refused_lines_never_take_more_room_than_two_files(tmp_path: Path):
    file = RefusedFile(tmp_path / "plant.refused", most_bytes=1000)

    for number in range(100):
        file.keep([refusal(*[f"a value={number} {row}" for row in range(200)])])

    assert file.path.stat().st_size + file.predecessor.stat().st_size < 4500
    assert "(the first 72 of 200 lines)" in file.path.read_text()
    assert "a value=99 0" in file.path.read_text()


def test_what_is_no_trouble_of_the_connection_is_not_told_as_one(server: InfluxServer):
    beside = InfluxBucket(server.url, "site", "plant", "sesame…")
    with InfluxWriter(beside) as writer, pytest.raises(RetryLater, match=r"cannot be asked.*UnicodeEncodeError"):
        writer.write(lines_from(["north,tag=a value=1 1"]))

    server.elsewhere = lambda *_: (200, {"orgs": [None]})  # somebody else answers
    with pytest.raises(RetryLater, match="answers as no InfluxDB does: "):
        prepare(InfluxBucket(server.url, "site", "plant", "sesame"), 0)
