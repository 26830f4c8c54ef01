"""What a channel says became of a message, and what the console shows."""

import io
import smtplib
import socket
import threading
from collections.abc import Iterator

import pytest

from domain.alarms import Notice
from domain.errors import MayHaveArrived, Refused, RetryLater
from service.telling.channels import ConsoleChannel
from service.telling.outcome import Attempt, _of_error, of_status

NOTICE = Notice("a.1@console", "console", "HIGH: R101.TT high", "R101.TT is 62.4 degC\nSince 10:00", "a.1", 1)


def test_the_console_shows_title_and_text_as_a_block() -> None:
    stream = io.StringIO()
    receipt = ConsoleChannel("leads", stream).send(NOTICE)

    lines = stream.getvalue().splitlines()
    assert lines[1:-1] == ["│ to leads", "│ HIGH: R101.TT high", "│ R101.TT is 62.4 degC", "│ Since 10:00"]
    assert receipt.detail == "printed"


def test_the_console_prints_where_output_goes_now(capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleChannel().send(NOTICE)
    assert "HIGH: R101.TT high" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, Refused),
        (404, Refused),
        (413, Refused),
        (301, Refused),
        (408, RetryLater),
        (429, RetryLater),
        (500, RetryLater),
        (503, RetryLater),
        (599, RetryLater),
        (502, MayHaveArrived),
        (504, MayHaveArrived),
    ],
)
def test_an_http_status_says_whether_to_try_again(status: int, kind: type[Exception]) -> None:
    assert type(of_status(status)) is kind


class MailServer:
    """Speaks SMTP up to a point, and then says nothing more."""

    def __init__(self, *replies: bytes) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._replies = replies
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._listening, self._listening.accept()[0] as connection:
            for reply in self._replies:
                connection.sendall(reply + b"\r\n")
                connection.recv(4_096)
            self._closing.wait(10)

    def close(self) -> None:
        self._closing.set()
        self._thread.join(10)


@pytest.fixture
def servers() -> Iterator[list[MailServer]]:
    opened: list[MailServer] = []
    yield opened
    for server in opened:
        server.close()


UP_TO_DATA = (b"220 here", b"250 hello", b"250 from", b"250 to")


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        ((), RetryLater),
        ((b"220 here", b"250 hello"), RetryLater),
        ((*UP_TO_DATA, b"354 go on"), MayHaveArrived),
        ((b"220 here", b"250 hello", b"250 from", b"550 nobody"), Refused),
        ((b"220 here", b"250 hello", b"250 from", b"450 not now"), RetryLater),
        ((b"220 here", b"250 hello", b"552 too large"), Refused),
        ((*UP_TO_DATA, b"421 closing"), RetryLater),
    ],
)
def test_where_a_mail_server_stops_decides_what_became_of_the_mail(
    servers: list[MailServer], replies: tuple[bytes, ...], kind: type[Exception]
) -> None:
    server = MailServer(*replies)
    servers.append(server)
    caught: Exception | None = None
    try:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=0.3) as smtp:
            smtp.sendmail("a@b.example", ["c@d.example"], "Subject: x\r\n\r\nx")
    except (OSError, smtplib.SMTPException) as error:
        caught = error

    assert caught is not None
    assert type(_of_error(caught)) is kind


def test_a_name_that_does_not_resolve_never_left() -> None:
    assert type(_of_error(socket.gaierror(-2, "Name or service not known"))) is RetryLater


def test_an_error_that_nobody_knows_may_have_arrived_and_shows_no_text() -> None:
    outcome = _of_error(ValueError("https://hooks.example/secret"))
    assert type(outcome) is MayHaveArrived
    assert "secret" not in str(outcome)


def test_a_no_without_a_reason_is_tried_again() -> None:
    with Attempt() as attempt:
        pass
    assert type(attempt.why_not()) is RetryLater
