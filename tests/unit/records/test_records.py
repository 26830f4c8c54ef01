"""The suite of checks, on every implementation of the records."""

from collections.abc import Callable, Iterator

import pytest

from records.address import Address
from records.database import SqlRecords
from tests.checks.records import CHECKS, WALL_NS, CoreRecords
from tests.fake_records import MemoryRecords


@pytest.fixture
def sql_records(address: Address) -> Iterator[CoreRecords]:
    with SqlRecords.open(address, wall_ns=lambda: WALL_NS) as opened:
        yield opened


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_records_in_a_database(check: Callable[[CoreRecords], None], sql_records: CoreRecords) -> None:
    check(sql_records)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_records_in_memory(check: Callable[[CoreRecords], None]) -> None:
    check(MemoryRecords(lambda: WALL_NS))


def test_there_are_checks() -> None:
    assert len(CHECKS) > 20
