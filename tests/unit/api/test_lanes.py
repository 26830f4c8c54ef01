import threading

import pytest

from api.lanes import Lane
from api.problems import Problem


async def test_a_call_that_takes_too_long_is_given_up() -> None:
    release = threading.Event()
    lane = Lane("light", threads=1, waiting=1, limit_s=0.05)

    with pytest.raises(Problem) as given_up:
        await lane.run(lambda: release.wait(10))
    still_inside = lane.inside
    release.set()
    lane.close()

    assert given_up.value.status == 504
    assert still_inside == 1


async def test_too_many_calls_are_told_to_come_back() -> None:
    release = threading.Event()
    lane = Lane("heavy", threads=1, waiting=0, limit_s=0.05)
    with pytest.raises(Problem):
        await lane.run(lambda: release.wait(10))

    with pytest.raises(Problem) as refused:
        await lane.run(lambda: 1)
    release.set()
    lane.close()

    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})


async def test_a_call_that_fails_leaves_its_place() -> None:
    lane = Lane("light", threads=1, waiting=0, limit_s=5)

    with pytest.raises(ZeroDivisionError):
        await lane.run(lambda: 1 // 0)
    answer = await lane.run(lambda: 42)
    lane.close()

    assert answer == 42
