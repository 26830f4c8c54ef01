"""The suite of checks, on every implementation of the records."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from records.database import SqlRecords
from tests.checks.records import CHECKS, WALL_NS, CoreRecords
from tests.fake_records import MemoryRecords


@pytest.fixture(params=["sql", "memory"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CoreRecords]:
    if request.param == "memory":
        yield MemoryRecords(lambda: WALL_NS)
        return
    with SqlRecords.open(tmp_path / "records.db", wall_ns=lambda: WALL_NS) as opened:
        yield opened


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_records(check: Callable[[CoreRecords], None], records: CoreRecords) -> None:
    check(records)


def test_there_are_checks() -> None:
    assert len(CHECKS) > 20
