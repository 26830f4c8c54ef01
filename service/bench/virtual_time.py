"""An event loop whose time is its own: when nothing is left to do it jumps to the next timer.

There is one thread, no socket, and no wait that takes longer than what is done in it. What a program runs in executors
runs in its turn on the loop.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, Final, TypeVar, TypeVarTuple

from domain.time import SECOND_NS
from historian.journal.lane import Turn

_MOST_IDLE_STEPS: Final = 1_000_000
_MOST_LAST_TURNS: Final = 100_000

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


class Stuck(RuntimeError):
    """Nothing will ever happen again, or no time passes although much happens."""


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop in virtual time, from 0 s on.

    `work_takes` gives the seconds that a piece of work for an executor takes before it is done, all at once; None: it
    is done at once. `every_step` is called before each round of callbacks, and may raise to end the run there.
    """

    def __init__(
        self, work_takes: Callable[[], float] | None = None, every_step: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self._now_s = 0.0
        self._work_takes = work_takes
        self._every_step = every_step
        self._steps_without_time = 0
        self._selector = self  # what `_run_once` asks for events and time

    def time(self) -> float:
        """Virtual seconds."""
        return self._now_s

    def select(self, timeout: float | None) -> list[object]:
        """Let the time pass that nobody needs; `Stuck` where nothing is to come."""
        if self._every_step is not None:
            self._every_step()
        if timeout:
            self._now_s += timeout
            self._steps_without_time = 0
        elif timeout is None:
            raise Stuck(f"at {self._now_s:.3f} s nothing is left that could happen")
        else:
            self._steps_without_time += 1
            if self._steps_without_time > _MOST_IDLE_STEPS:
                raise Stuck(f"{_MOST_IDLE_STEPS} steps were taken at {self._now_s:.3f} s, and no time passes")
        return []

    def _process_events(self, event_list: list[object]) -> None:
        """There are no files to be heard."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Arguments], Result], *args: *Arguments
    ) -> asyncio.Future[Result]:
        """Do the work on the loop: at once, or when its time is over."""
        del executor
        future: asyncio.Future[Result] = self.create_future()

        def work() -> None:
            if future.done():  # cancelled before it began
                return
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - it is the caller's, as from a thread
                future.set_exception(error)
            else:
                future.set_result(result)

        if self._work_takes is None:
            work()
        else:
            self.call_later(self._work_takes(), work)
        return future


class VirtualClock:
    """The plant's clock, in step with a loop in virtual time."""

    speed = 1.0

    def __init__(self, loop: VirtualLoop, start_ns: int, *, simulated: bool = True) -> None:
        self._loop = loop
        self._start_ns = start_ns
        self.simulated = simulated

    def now_ns(self) -> int:
        """UTC ns."""
        return self._start_ns + round(self._loop.time() * SECOND_NS)

    async def sleep_until(self, when_ns: int) -> None:
        """Return once the clock has reached `when_ns`."""
        await asyncio.sleep(max(0, when_ns - self.now_ns()) / SECOND_NS)

    def jump(self, seconds: float) -> None:
        """Set the clock ahead (negative: back)."""
        self._start_ns += round(seconds * SECOND_NS)


class LoopLane:
    """The journal's lane on a loop: one turn, then the loop goes on until the next is due."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._turn: Turn | None = None
        self._next: asyncio.TimerHandle | None = None
        self._is_taking = self._has_news = False

    def now_s(self) -> float:
        """The loop's time."""
        return self._loop.time()

    def start(self, turn: Turn) -> None:
        """Take the first turn soon."""
        self._turn = turn
        self._schedule(0.0)

    def nudge(self) -> None:
        """Take a turn soon."""
        self._has_news = True
        if not self._is_taking:
            self._schedule(0.0)

    def join(self, limit_s: float) -> bool:
        """Take the turns that are left, at once; whether the last one was taken."""
        del limit_s
        for _ in range(_MOST_LAST_TURNS):
            if self._turn is None:
                break
            self._take()
        return self._turn is None

    def _schedule(self, after_s: float) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next = None if self._turn is None else self._loop.call_later(after_s, self._take)

    def _take(self) -> None:
        if self._turn is None:
            return
        self._is_taking, self._has_news = True, False
        try:
            wait_s = self._turn()
        finally:
            self._is_taking = False
        if wait_s is None:
            self._turn = None
        self._schedule(0.0 if self._has_news else wait_s or 0.0)


def run_virtually(loop: VirtualLoop, main: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end of `main`, and end what it left behind."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)
