"""A loop in virtual time: hours pass at once, in order, and what can never end says so."""

import asyncio

import pytest

from service.bench.virtual_time import LoopLane, Stuck, VirtualClock, VirtualLoop, run_virtually


def test_a_day_of_sleep_passes_at_once_and_in_order():
    loop, woken = VirtualLoop(), []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append((seconds, round(loop.time(), 3)))

    async def main() -> None:
        await asyncio.gather(sleeper(86_400), sleeper(3), sleeper(3600))

    run_virtually(loop, main())

    assert woken == [(3, 3.0), (3600, 3600.0), (86_400, 86_400.0)]


def test_work_for_a_thread_is_done_in_its_turn():
    loop = VirtualLoop(work_takes=lambda: 2.5)

    async def main() -> tuple[int, float]:
        return await asyncio.to_thread(lambda: 7), loop.time()

    assert run_virtually(loop, main()) == (7, 2.5)


def test_a_wait_for_nothing_is_told():
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck, match="nothing is left"):
        run_virtually(VirtualLoop(), main())


def test_the_clock_is_the_loops_and_can_be_set():
    loop = VirtualLoop()
    clock = VirtualClock(loop, 1_000)

    async def main() -> list[int]:
        await clock.sleep_until(5_000_001_000)
        seen = [clock.now_ns()]
        clock.jump(-3.0)
        return [*seen, clock.now_ns()]

    assert run_virtually(loop, main()) == [5_000_001_000, 2_000_001_000]


def test_a_lane_takes_a_turn_when_it_is_due_or_nudged():
    loop, turns = VirtualLoop(), []

    async def main() -> None:
        lane = LoopLane(loop)

        def turn() -> float | None:
            turns.append(loop.time())
            return 10.0 if len(turns) < 4 else None

        lane.start(turn)
        await asyncio.sleep(4)
        lane.nudge()
        await asyncio.sleep(100)
        assert lane.join(0)

    run_virtually(loop, main())

    assert turns == [0, 4, 14, 24]
