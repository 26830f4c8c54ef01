"""A mail server that keeps what it gets: the demo's shift leads read their mail here. Loopback only, no relay."""

import asyncio
import contextlib
import email
import email.policy
import itertools
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

_LONGEST_LINE: Final = 64 * 1024
_LARGEST_MAIL: Final = 10 * 1024 * 1024
_MOST_MAILS: Final = 10_000
_IDLE_S: Final = 300.0
_START_WITHIN_S: Final = 10.0


@dataclass(slots=True)
class _Envelope:
    sender: str = ""
    recipients: list[str] = field(default_factory=list)


class Mailbox:
    """A running mail server; every mail becomes `NNNN.eml` in its folder and a few lines on `out`."""

    def __init__(self, directory: Path, out: TextIO) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = 0
        self._out = out
        self._numbers = itertools.count(1 + len(list(directory.glob("*.eml"))))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="mailbox", daemon=True)
        self._listening = threading.Event()
        self._stop = asyncio.Event()

    def start(self) -> None:
        """Listen on a free port of the loopback."""
        self._thread.start()
        if not self._listening.wait(_START_WITHIN_S):
            message = "the mailbox did not start to listen"
            raise RuntimeError(message)

    def stop(self) -> None:
        """Stop listening."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_WITHIN_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, limit=_LONGEST_LINE)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        sessions = asyncio.all_tasks() - {asyncio.current_task()}
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One session of RFC 5321's smallest subset, until QUIT, silence or nonsense."""
        try:
            await self._session(reader, writer)
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # the client has gone, or is none: there is nobody to tell
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        envelope = _Envelope()
        await _say(writer, "220 127.0.0.1 simulated mailbox")
        while line := await asyncio.wait_for(reader.readline(), _IDLE_S):
            text = line.decode("utf-8", "replace").strip()
            verb = text[:4].upper()
            if verb == "DATA" and envelope.recipients:
                await _say(writer, "354 go on, end with a dot")
                kept = self._keep(envelope, await _read_mail(reader))
                await _say(writer, "250 kept" if kept else "452 the folder is full")
                envelope = _Envelope()
            elif verb == "QUIT":
                await _say(writer, "221 goodbye")
                return
            else:
                await _say(writer, _answer(verb, text, envelope))

    def _keep(self, envelope: _Envelope, content: bytes) -> bool:
        number = next(self._numbers)
        if number > _MOST_MAILS:
            return False
        path = self.directory / f"{number:04d}.eml"
        path.write_bytes(content)
        self._out.write(_summary(envelope, content, path))
        self._out.flush()
        return True


def start(directory: Path, out: TextIO | None = None) -> Mailbox:
    """Start a mailbox; its `port` is where SMTP is spoken. `out` is the console by default."""
    mailbox = Mailbox(directory, out or sys.stdout)
    mailbox.start()
    return mailbox


async def _say(writer: asyncio.StreamWriter, line: str) -> None:
    writer.write(f"{line}\r\n".encode())
    await asyncio.wait_for(writer.drain(), _IDLE_S)


def _answer(verb: str, text: str, envelope: _Envelope) -> str:
    """The answer to a command that changes no more than the envelope."""
    if verb == "MAIL":
        envelope.sender = _address(text)
        envelope.recipients.clear()
    elif verb == "RCPT":
        envelope.recipients.append(_address(text))
    elif verb == "RSET":
        envelope.sender = ""
        envelope.recipients.clear()
    elif verb == "DATA":
        return "503 first tell the recipients"
    answers: dict[str, Callable[[], str]] = {
        "HELO": lambda: "250 127.0.0.1",
        "EHLO": lambda: f"250-127.0.0.1\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE {_LARGEST_MAIL}",
    }
    known = {"MAIL", "RCPT", "RSET", "NOOP"}
    return answers[verb]() if verb in answers else "250 ok" if verb in known else "502 not understood"


def _address(text: str) -> str:
    return text.partition("<")[2].partition(">")[0]


async def _read_mail(reader: asyncio.StreamReader) -> bytes:
    """The lines up to the single dot, with the sender's extra dots removed (RFC 5321, 4.5.2)."""
    lines: list[bytes] = []
    size = 0
    while (line := await asyncio.wait_for(reader.readline(), _IDLE_S)) not in (b".\r\n", b".\n", b""):
        size += len(line)
        if size > _LARGEST_MAIL:
            message = "a mail is larger than this mailbox takes"
            raise ValueError(message)
        lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
    return b"".join(lines)


def _summary(envelope: _Envelope, content: bytes, path: Path) -> str:
    mail = email.message_from_bytes(content, policy=email.policy.default)
    body = mail.get_body(("plain", "html"))
    text = body.get_content().strip() if body is not None else ""
    head = f"mail to {', '.join(envelope.recipients)}: {mail['subject']}"
    return "\n".join([head, *(f"  | {line}" for line in text.splitlines()), f"  ({path})", ""])
