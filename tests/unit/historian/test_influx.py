"""Every answer of InfluxDB is heard: taken, refused for good with the guilty lines found, or to be tried again."""

import socket
from collections.abc import Callable, Iterator

import pytest

from domain.errors import RetryLater
from historian.influx import MOST_LINES, InfluxBucket, InfluxWriter
from tests.influx_server import TAKEN, Answer, InfluxServer


@pytest.fixture
def server() -> Iterator[InfluxServer]:
    with InfluxServer() as server:
        yield server


@pytest.fixture
def writer(server: InfluxServer) -> Iterator[InfluxWriter]:
    with InfluxWriter(InfluxBucket(server.url, "site", "plant", "sesame")) as writer:
        yield writer


def some_lines(count: int) -> list[str]:
    return [f"site,tag=A value=1.0,status=0i {index}" for index in range(count)]


def refuse_lines_with(*guilty: str) -> Callable[[list[str]], Answer]:
    def answer(lines: list[str]) -> Answer:
        return (400, "unable to parse") if any(line in guilty for line in lines) else TAKEN

    return answer


def test_lines_arrive_in_order_with_token_bucket_and_precision(server: InfluxServer, writer: InfluxWriter) -> None:
    refused = writer.write(some_lines(3))

    assert refused == []
    assert server.taken == some_lines(3)
    assert server.queries == [{"org": ["site"], "bucket": ["plant"], "precision": ["ns"]}]
    assert server.tokens == ["Token sesame"]


def test_a_request_holds_no_more_lines_than_influxdb_likes(server: InfluxServer, writer: InfluxWriter) -> None:
    writer.write(some_lines(MOST_LINES + 1))

    assert [len(body) for body in server.bodies] == [MOST_LINES, 1]


def test_nothing_to_write_asks_nothing(server: InfluxServer, writer: InfluxWriter) -> None:
    writer.write([])

    assert server.bodies == []


def test_two_guilty_lines_of_a_thousand_are_found_and_the_others_written(
    server: InfluxServer, writer: InfluxWriter
) -> None:
    lines = some_lines(1000)
    server.answer = refuse_lines_with(lines[17], lines[803])

    refused = writer.write(lines)

    assert [entry.lines for entry in refused] == [(lines[17],), (lines[803],)]
    assert str(refused[0]) == f"400 unable to parse: {lines[17]}"
    assert server.taken == [line for line in lines if line not in (lines[17], lines[803])]


def test_where_everything_is_refused_the_number_of_requests_is_bounded(
    server: InfluxServer, writer: InfluxWriter
) -> None:
    server.answer = lambda _: (422, "field type conflict")

    refused = writer.write(some_lines(MOST_LINES))

    assert sum(len(entry.lines) for entry in refused) == MOST_LINES
    assert len(server.bodies) < 100


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500, 503])
def test_what_is_not_the_lines_fault_is_to_be_tried_again(
    server: InfluxServer, writer: InfluxWriter, code: int
) -> None:
    server.answer = lambda _: (code, "not now")

    with pytest.raises(RetryLater, match=f"{code} not now"):
        writer.write(some_lines(1))

    assert len(server.bodies) == 1


def test_nobody_listening_is_to_be_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        target = InfluxBucket(f"http://127.0.0.1:{taken.getsockname()[1]}", "site", "plant", "sesame")

        with InfluxWriter(target) as writer, pytest.raises(RetryLater, match="cannot be reached"):
            writer.write(some_lines(1))


def test_an_answer_that_does_not_come_is_to_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = InfluxBucket(f"http://127.0.0.1:{silent.getsockname()[1]}", "site", "plant", "sesame")

        with InfluxWriter(target, timeout_ms=200) as writer, pytest.raises(RetryLater, match="cannot be reached"):
            writer.write(some_lines(1))


def test_the_token_is_in_no_text() -> None:
    assert "sesame" not in repr(InfluxBucket("http://127.0.0.1:1", "site", "plant", "sesame"))
