"""The picture of the trend, after the text and never in its way: as a second message, if all goes well.

A text that was sent asks for a picture and goes on at once. One task draws and sends, each on a thread with a time
limit and by a connection of its own; what takes longer, fails, or comes in too great a number is left out and counted.
Nothing of it is durable: the text says everything.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from alarms.wording import ANYBODY, Reader
from domain.alarms import Notice, Transition
from domain.errors import ThermowellError
from domain.ports import Receipt
from service.telling.apart import Apart
from service.telling.trends import Trend

log = logging.getLogger(__name__)

_MOST_WAITING = 32


class PictureChannel(Protocol):
    """A channel that takes pictures. Calls block."""

    def send_picture(self, notice: Notice, png: bytes) -> Receipt:
        """Send a message with a picture; RetryLater or Refused if it was not taken."""
        ...


class TransitionReader(Protocol):
    """The transitions in the records. Calls block."""

    def transitions_by_id(self, ids: list[str]) -> Mapping[str, Transition]:
        """Those of some transitions that there are."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a picture may take; seconds of the wall's clock."""

    drawing_s: float = 10.0
    sending_s: float = 60.0


class Pictures:
    """Draws and sends what was asked for. `read` and `draw` block, and may hang."""

    def __init__(
        self,
        channels: Mapping[str, PictureChannel],
        records: TransitionReader,
        read: Callable[[Transition], Trend | None],
        draw: Callable[[Trend, Reader], bytes],
        readers: Mapping[str, Reader] | None = None,
        limits: Limits = Limits(),
    ) -> None:
        self._channels = channels
        self._records = records
        self._read, self._draw = read, draw
        self._readers = readers or {}
        self._limits = limits
        self._asked: asyncio.Queue[Notice] = asyncio.Queue(_MOST_WAITING)
        self._apart = Apart("picture")
        self.outcomes: Counter[str] = Counter()
        """sent | none (nothing to show) | left out | failed."""

    def ask(self, notice: Notice) -> None:
        """Ask for the picture of what was just told; never waits."""
        if notice.channel not in self._channels or "#" in notice.id:
            return
        if self._asked.full():
            self.outcomes["left out"] += 1
            return
        self._asked.put_nowait(notice)

    async def run(self) -> None:
        """Draw and send for ever."""
        while True:
            notice = await self._asked.get()
            if self._apart.hangs:
                self.outcomes["left out"] += 1
                continue
            try:
                self.outcomes[await self._one(notice)] += 1
            except ThermowellError as error:
                self.outcomes["failed"] += 1
                log.warning("no picture for %s: %s", notice.channel, error)
            except Exception:
                # Whatever drawing meets, it is a picture less and nothing more.
                self.outcomes["failed"] += 1
                log.exception("a picture failed in an unexpected way")

    async def _one(self, notice: Notice) -> str:
        reader = self._readers.get(notice.person, ANYBODY)
        made = await self._apart.call(lambda: self._made(notice, reader), self._limits.drawing_s)
        if made is None:
            return "none"
        trend, png = made
        words = reader.says(
            "picture",
            name=trend.name,
            start=reader.time(trend.start_ns),
            end=reader.time(trend.end_ns),
            id=notice.transition,
        )
        about = replace(notice, title=reader.says("picture title", title=notice.title), text=words, kind="picture")
        channel = self._channels[notice.channel]
        await self._apart.call(lambda: channel.send_picture(about, png), self._limits.sending_s)
        return "sent"

    def _made(self, notice: Notice, reader: Reader) -> tuple[Trend, bytes] | None:
        said = self._records.transitions_by_id([notice.transition]).get(notice.transition)
        if said is None or not said.announces:
            return None  # what nobody is asked to respond to needs no look at the trend
        trend = self._read(said)
        return None if trend is None else (trend, self._draw(trend, reader))
