"""An MQTT broker as a source of deliveries."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from collector.mqtt.intake import Intake
from collector.mqtt.link import Link
from collector.mqtt.payloads import PayloadReader
from collector.mqtt.routes import Route
from collector.mqtt.session import Listener
from collector.mqtt.settings import MqttSettings
from collector.mqtt.state import SavedState
from domain.entries import Heartbeat
from domain.errors import RetryLater
from domain.ports import Clock, Delivery
from domain.tags import Tag

_END_S = 10.0  # a connection attempt may take 5 s to give up


class Connecting(Protocol):
    """Keeps a connection up for ever, and tells its listener what happens on it."""

    def start(self, ended: Callable[[], None]) -> None:
        """Begin; `ended` is called when it is over."""
        ...

    def stop(self) -> None:
        """End soon; from any thread."""
        ...

    def wake(self) -> None:
        """Look at what is to do; from any thread."""
        ...

    async def join(self, limit_s: float) -> None:
        """Wait until it is over, or the time."""
        ...


class MakeLink(Protocol):
    """Makes what connects a source to its broker."""

    def __call__(
        self, settings: MqttSettings, listener: Listener, old_topics: Sequence[str], *, marked: bool
    ) -> Connecting:
        """A link that has not begun."""
        ...


class MqttSource:
    """Samples from one broker: a persistent session whose messages are acknowledged once their delivery is.

    `routes` say which topic feeds which tag; `state` is the text of the newest `SourceState` in the journal. Deliveries
    must be journaled in the order in which they come, each whole in one commit. A source is iterated once; closing
    the iterator (`contextlib.aclosing`) ends the connection and leaves the session at the broker. `make_link` connects;
    `now_s` is the time of intervals.
    """

    def __init__(
        self,
        settings: MqttSettings,
        tags: Sequence[Tag],
        routes: Sequence[Route],
        clock: Clock,
        state: str | None,
        make_link: MakeLink = Link,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = settings.name
        saved = SavedState.of_text(state, settings.name)
        self._outbox: deque[Delivery] = deque()
        self._signal = asyncio.Event()
        self._signalled = False
        self._ended = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._intake = Intake(
            settings,
            PayloadReader(
                settings.name, routes, tags, settings.event_topics, settings.tag_names, settings.amount_fault
            ),
            clock,
            saved,
            self._put,
            self._wake_link,
            now_s,
        )
        marked = saved.marked and saved.client_id == settings.client_id
        self._link = make_link(settings, self._intake, saved.topics, marked=marked)

    async def deliveries(self) -> AsyncGenerator[Delivery, None]:
        """Yield deliveries in order; not asking for the next one stops the reading, and then the broker."""
        if self._loop is not None:
            raise RuntimeError(f"source {self.name!r} is iterated already: make another one")
        self._loop = asyncio.get_running_loop()
        self._link.start(self._link_ended)
        try:
            while True:
                while self._outbox:
                    delivery = self._outbox.popleft()
                    self._intake.handed(len(self._outbox))
                    yield delivery
                self._signal.clear()
                self._signalled = False
                if self._outbox:
                    continue
                if self._ended:
                    raise RetryLater(f"source {self.name!r}: its link has ended")
                await self._signal.wait()
        finally:
            self._link.stop()
            await self._link.join(_END_S)

    def heartbeat(self, now_ns: int) -> Heartbeat:
        """Whether the broker is heard at `now_ns`, and why not."""
        return self._intake.heartbeat(now_ns)

    def _link_ended(self) -> None:
        self._ended = True
        self._wake_reader()

    def _wake_link(self) -> None:
        self._link.wake()

    def _put(self, delivery: Delivery) -> int:
        """Hand a delivery over to the event loop; return how many wait there. Called by the link's thread."""
        self._outbox.append(delivery)
        if not self._signalled:
            self._signalled = True
            self._wake_reader()
        return len(self._outbox)

    def _wake_reader(self) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._signal.set)
        except RuntimeError:  # the loop is closed: nobody reads any more
            self._link.stop()
