"""Real servers on loopback that do what a test asks of them: a mail server and a web server."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

TIMEOUT_S = 0.5
HANG_S = 20


class Mailbox:
    """Takes mail; `answers` are given first, one per message: an SMTP reply, or "hang" after the message has come."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: list[str] = []
        self.recipient_answers: list[str] = []
        self.closing = threading.Event()

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        if self.recipient_answers:
            return self.recipient_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer == "hang" or answer.startswith("250"):
            content = cast("bytes", envelope.content)
            self.mails.append(cast("EmailMessage", message_from_bytes(content, policy=policy.default)))
        if answer == "hang":
            await server.loop.run_in_executor(None, self.closing.wait, HANG_S)
        return answer

    @property
    def texts(self) -> list[str]:
        """The words of each mail. It must not raise: aiosmtpd looks at every attribute for each connection."""
        bodies = [mail.get_body(("plain",)) for mail in self.mails]
        return ["" if body is None else body.get_content() for body in bodies]


def _nobody(*_: object) -> AuthResult:
    return AuthResult(success=False, handled=False)


def only(user: str, password: str):
    """Let one user in."""

    def check(_: SMTP, __: Session, ___: Envelope, ____: str, given: object) -> AuthResult:
        right = isinstance(given, LoginPassword) and given == LoginPassword(user.encode(), password.encode())
        return AuthResult(success=right, handled=right)

    return check


@contextmanager
def mail_server(mailbox: Mailbox, port: int, authenticator: object = None) -> Iterator[None]:
    """Listen while the block lasts."""
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=port,
        authenticator=authenticator,
        auth_required=authenticator is not None,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield
    finally:
        mailbox.closing.set()
        controller.stop()


class Webhook:
    """Takes POSTs of JSON; `answers` are given first, one per message: a status, or 0 to hang after it has come."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, str]] = []
        self.raw: list[bytes] = []
        self.headers: list[Message] = []
        self.paths: list[str] = []
        self.answers: list[int] = []
        self.answer_headers: dict[str, str] = {}
        self.closing = threading.Event()


@contextmanager
def web_server(webhook: Webhook, port: int) -> Iterator[None]:
    """Listen while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            webhook.paths.append(self.path)
            status = webhook.answers.pop(0) if webhook.answers else 200
            if status in (0, 200):
                webhook.bodies.append(json.loads(body))
                webhook.raw.append(body)
                webhook.headers.append(self.headers)
            if status == 0:
                webhook.closing.wait(HANG_S)
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            for name, text in webhook.answer_headers.items() if status >= 300 else ():
                self.send_header(name, text)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        webhook.closing.set()
        server.shutdown()
        thread.join(HANG_S)
        server.server_close()
