"""Ways to reach people: anything that apprise has a URL for, and the console of the one who runs the service."""

import sys
import threading
from pathlib import Path
from typing import Protocol, TextIO, cast

from domain.alarms import Notice
from domain.errors import Refused
from domain.ports import Receipt
from service.telling.outcome import Attempt, listen

_FOR_PROGRAMS = frozenset({"json", "jsons", "xml", "xmls", "form", "forms"})


class _Plugin(Protocol):
    """What this room uses of one of apprise's services."""

    service_name: str
    socket_connect_timeout: float
    socket_read_timeout: float
    request_rate_per_sec: float
    attachment_support: bool

    def schemas(self) -> set[str]: ...

    def notify(self, *, title: str, body: str, body_format: object, attach: object = None) -> bool: ...


class AppriseChannel:
    """A channel of `domain.ports.Channel` behind one apprise URL (mailtos://, json://, slack://, …).

    `send` blocks for at most a few times `timeout_s`. MayHaveArrived: no answer came after the message had left. The
    URL holds secrets: it is never shown, not even in an error.
    """

    def __init__(self, name: str, url: str, *, timeout_s: float = 15.0) -> None:
        self.name = name
        listen()
        self._plugin = _plugin_of(name, url, timeout_s)
        self._for_pictures = _plugin_of(name, url, timeout_s)  # a slow picture holds no text back
        self._one_at_a_time = threading.Lock()

    @property
    def takes_pictures(self) -> bool:
        """Whether people can look at a picture there; a program that takes JSON gets none."""
        return self._plugin.attachment_support and not self._plugin.schemas() & _FOR_PROGRAMS

    @classmethod
    def from_file(cls, name: str, path: Path, *, timeout_s: float = 15.0) -> "AppriseChannel":
        """The channel whose URL is the first line of a file, kept apart from the configuration. Refused: none there."""
        return cls(name, first_line(name, path), timeout_s=timeout_s)

    def send(self, notice: Notice) -> Receipt:
        """Send title and text. RetryLater, MayHaveArrived or Refused say what became of it."""
        import apprise  # noqa: PLC0415  loads for who is told by it

        with self._one_at_a_time, Attempt() as attempt:
            sent = self._plugin.notify(title=notice.title, body=notice.text, body_format=apprise.NotifyFormat.TEXT)
        if not sent:
            raise attempt.why_not()
        return Receipt(f"{self._plugin.service_name} took it")

    def send_picture(self, notice: Notice, png: bytes) -> Receipt:
        """Send a message with a picture, beside the texts. RetryLater, MayHaveArrived or Refused: it was not sent."""
        import apprise  # noqa: PLC0415  as above
        from apprise.attachment.memory import AttachMemory  # noqa: PLC0415

        attached = apprise.AppriseAttachment()
        file = AttachMemory(content=png, name="trend.png", mimetype="image/png")  # type: ignore[no-untyped-call]  # apprise has no types here
        attached.add(file)
        words = {"title": notice.title, "body": notice.text}
        with Attempt() as attempt:
            sent = self._for_pictures.notify(**words, body_format=apprise.NotifyFormat.TEXT, attach=attached)
        if not sent:
            raise attempt.why_not()
        return Receipt(f"{self._for_pictures.service_name} took the picture")


def _plugin_of(name: str, url: str, timeout_s: float) -> _Plugin:
    """One of apprise's services, with time limits. Refused: it cannot use the URL, which is not shown."""
    import apprise  # noqa: PLC0415  as above

    found: object = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if not isinstance(found, apprise.NotifyBase):
        raise Refused(f"notify {name!r}: apprise cannot use the URL")
    plugin = cast("_Plugin", found)
    plugin.socket_connect_timeout = timeout_s
    plugin.socket_read_timeout = timeout_s
    plugin.request_rate_per_sec = 0.0  # floods are held back before they come here
    return plugin


def first_line(name: str, path: Path) -> str:
    """The first word of a file, kept apart from the configuration because it is secret. Refused: none there."""
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        message = f"notify {name!r}: cannot read {path}: {getattr(error, 'strerror', None) or 'it is no text'}"
        raise Refused(message) from error
    if not lines:
        message = f"notify {name!r}: {path} is empty"
        raise Refused(message)
    return lines[0]


class ConsoleChannel:
    """Prints each notice as a block that a person can read: for the demo, and for a log that somebody watches."""

    def __init__(self, name: str = "console", stream: TextIO | None = None) -> None:
        self.name = name
        self._stream = stream

    def send(self, notice: Notice) -> Receipt:
        """Print it."""
        stream = sys.stdout if self._stream is None else self._stream
        rule = "─" * 78
        body = "\n".join(f"│ {line}" for line in (notice.title, *notice.text.splitlines()))
        stream.write(f"┌{rule}\n│ to {self.name}\n{body}\n└{rule}\n")
        stream.flush()
        return Receipt("printed")
