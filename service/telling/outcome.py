"""What became of a message that apprise could not send: refused for good, to be tried again, or nobody can tell.

apprise says only 'no', and logs why. While it sends, `Attempt` listens to that log in the sending thread: it keeps the
exception that is being handled at that moment and the HTTP status, and lets no text through, because apprise's texts
may hold addresses and secrets.
"""

import logging
import re
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from domain.errors import MayHaveArrived, Refused, RetryLater

_STATUS = re.compile(r"error=(\d{3})\b")
# Named, not imported: they belong to libraries that apprise uses and we do not.
_NEVER_LEFT = frozenset(
    {
        *("ConnectTimeout", "ConnectTimeoutError", "NewConnectionError", "NameResolutionError", "ProxyError"),
        *("gaierror", "ConnectionRefusedError", "SSLError", "SSLCertVerificationError"),
    }
)
_ASK_AGAIN = frozenset({408, 423, 425, 429, 500, 503, 507})
_GATEWAY = frozenset({502, 504})


class _Listener(logging.Filter):
    """Hears what apprise logs, for the attempt of the same thread, and lets none of it through."""

    def __init__(self) -> None:
        super().__init__()
        self.here = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        attempt: Attempt | None = getattr(self.here, "attempt", None)
        if attempt is not None:
            attempt.hear(record)
        return False


_LISTENER = _Listener()


def listen() -> None:
    """Take over apprise's log, before its first URL is read; again changes nothing."""
    logger = logging.getLogger("apprise")
    logger.setLevel(logging.DEBUG)
    logger.addFilter(_LISTENER)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # it logs paths, which can be secret


class Attempt:
    """Listens to apprise while this thread sends, and tells afterwards what became of the message."""

    def __init__(self) -> None:
        self._error: BaseException | None = None
        self._status: int | None = None
        self._some_arrived = False

    def __enter__(self) -> Self:
        _LISTENER.here.attempt = self
        return self

    def __exit__(self, *_: object) -> None:
        _LISTENER.here.attempt = None

    def hear(self, record: logging.LogRecord) -> None:
        """Keep what tells how it ended; called inside apprise's own `except` blocks."""
        handled = sys.exc_info()[1]
        if handled is not None:
            self._error = handled
        found = _STATUS.search(record.getMessage())
        if found:
            self._status = int(found.group(1))
        if record.levelno == logging.INFO and str(record.msg).startswith("Sent "):
            self._some_arrived = True

    def why_not(self) -> RetryLater | Refused:
        """The reason why the message was not sent, as the error that says what to do."""
        if self._some_arrived:
            return MayHaveArrived("some of the recipients got it, others did not")
        if self._status is not None:
            return of_status(self._status)
        if self._error is not None:
            return _of_error(self._error)
        return RetryLater("the message was not taken, and no reason was given")


def of_status(status: int) -> RetryLater | Refused:
    """What to do about an HTTP status that is none of success."""
    detail = f"the server answered with HTTP status {status}"
    if status in _GATEWAY:
        return MayHaveArrived(f"{detail}: what is behind it may have taken the message")
    return RetryLater(detail) if status in _ASK_AGAIN or status > max(_ASK_AGAIN) else Refused(detail)


def _of_error(error: BaseException) -> RetryLater | Refused:
    chain = list(_chain(error))
    codes = [code for each in chain for code in _smtp_codes(each)]
    if codes:
        detail = f"the mail server answered {', '.join(map(str, codes))}"
        return Refused(detail) if min(codes) >= 500 else RetryLater(detail)
    detail = _described(chain)
    if any(type(each).__name__ in _NEVER_LEFT for each in chain) or not _may_have_left(error):
        return RetryLater(detail)
    return MayHaveArrived(f"no answer to the message: {detail}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and every error that it was made from."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [one for one in inner if isinstance(one, BaseException)]


def _smtp_codes(error: BaseException) -> list[int]:
    """Reply codes of an SMTP server (RFC 5321, 4.2): 4yz asks to come again, 5yz refuses."""
    code = getattr(error, "smtp_code", None)
    if isinstance(code, int) and code > 0:
        return [code]
    refused = getattr(error, "recipients", None)
    return [int(reply[0]) for reply in refused.values()] if isinstance(refused, dict) else []


def _described(chain: list[BaseException]) -> str:
    """Type and system text of the innermost error; other texts may hold an address with a secret in it."""
    for each in reversed(chain):
        if isinstance(each, OSError) and each.strerror:
            return f"{type(each).__name__}: {each.strerror}"
    return type(chain[0]).__name__


def _may_have_left(error: BaseException) -> bool:
    """Whether the message itself was on its way when it failed; for SMTP: whether the DATA command had begun."""
    steps = list(_steps(error.__traceback__))
    in_smtp = any(file.endswith("smtplib.py") for file, _ in steps)
    return not in_smtp or any(file.endswith("smtplib.py") and function == "data" for file, function in steps)


def _steps(traceback: TracebackType | None) -> Iterator[tuple[str, str]]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield code.co_filename, code.co_name
        traceback = traceback.tb_next
