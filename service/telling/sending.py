"""One attempt to send: with a time limit, whatever the channel does."""

import logging

from domain.alarms import Notice
from domain.errors import MayHaveArrived, Refused, RetryLater
from domain.ports import Channel, Receipt
from service.telling.apart import Apart, TookTooLong

log = logging.getLogger(__name__)

Came = Receipt | RetryLater | Refused
"""What became of an attempt."""


class Sender:
    """Sends through one channel, one message at a time; a channel that hangs gets nothing more until it is done."""

    def __init__(self, channel: Channel, deadline_s: float) -> None:
        self._channel = channel
        self._deadline_s = deadline_s
        self._apart = Apart(f"send-{channel.name}")

    @property
    def hangs(self) -> bool:
        """Whether an attempt that was given up still runs."""
        return self._apart.hangs

    async def send(self, notice: Notice) -> Came:
        """Send; what the channel did is the answer, whatever it was."""
        name = self._channel.name
        try:
            return await self._apart.call(lambda: self._channel.send(notice), self._deadline_s)
        except (RetryLater, Refused) as error:
            return error
        except TookTooLong as error:
            message = "channel %s has been sending for %g s; it gets nothing more until it is done"
            log.warning(message, name, self._deadline_s, extra={"channel": name})
            return MayHaveArrived(str(error))
        except Exception as error:
            # A fault in a channel is no reason to lose the message, nor to repeat it in silence.
            log.exception("channel %s failed in an unexpected way", name)
            return MayHaveArrived(f"the channel failed: {type(error).__name__}")
