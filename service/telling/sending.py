"""One attempt to send: on a thread of its own, with a time limit, whatever the channel does."""

import asyncio
import logging
import threading

from domain.alarms import Notice
from domain.errors import MayHaveArrived, Refused, RetryLater
from domain.ports import Channel, Receipt

log = logging.getLogger(__name__)

Came = Receipt | RetryLater | Refused
"""What became of an attempt."""


class Sender:
    """Sends through one channel, one message at a time; a channel that hangs gets nothing more until it is done."""

    def __init__(self, channel: Channel, deadline_s: float) -> None:
        self._channel = channel
        self._deadline_s = deadline_s
        self._last: threading.Thread | None = None

    @property
    def hangs(self) -> bool:
        """Whether an attempt that was given up still runs."""
        return self._last is not None and self._last.is_alive()

    async def send(self, notice: Notice) -> Came:
        """Send, so that the loop goes on and the process can end although the channel hangs."""
        answer: asyncio.Future[Came] = asyncio.get_running_loop().create_future()
        name = self._channel.name
        self._last = threading.Thread(
            target=_send, args=(self._channel, notice, answer), name=f"send-{name}", daemon=True
        )
        self._last.start()
        try:
            async with asyncio.timeout(self._deadline_s):
                return await answer
        except TimeoutError:
            message = "channel %s has been sending for %g s; it gets nothing more until it is done"
            log.warning(message, name, self._deadline_s, extra={"channel": name})
            return MayHaveArrived(f"no answer within {self._deadline_s:g} s")


def _send(channel: Channel, notice: Notice, answer: "asyncio.Future[Came]") -> None:
    """Send, and hand over to the event loop what came of it."""
    came: Came
    try:
        came = channel.send(notice)
    except (RetryLater, Refused) as error:
        came = error
    except Exception as error:
        # The root of this thread. A fault in a channel is no reason to lose the message, nor to repeat it in silence.
        log.exception("channel %s failed in an unexpected way", channel.name)
        came = MayHaveArrived(f"the channel failed: {type(error).__name__}")
    loop = answer.get_loop()
    if not loop.is_closed():
        loop.call_soon_threadsafe(_settle, answer, came)


def _settle(answer: "asyncio.Future[Came]", came: Came) -> None:
    if not answer.done():  # else nobody waits any more
        answer.set_result(came)
