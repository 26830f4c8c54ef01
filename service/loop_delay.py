"""How late an event loop wakes: what it was asked to do at a time, and when it came to it."""

import asyncio

from domain.figures import Histogram

_EVERY_S = 0.25


async def watch_loop(delays: Histogram) -> None:
    """Count for ever how much later than asked the loop that runs this wakes."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + _EVERY_S
        await asyncio.sleep(_EVERY_S)
        delays.add(max(0.0, loop.time() - due_s))
