"""What tests of several rooms share."""

import gc
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from records.address import Address
from tests.postgres_server import PostgresForTests, running

LONGEST = (
    "tests/acceptance/bench/test_bench_run.py",
    "tests/acceptance/service/test_demo.py",
    "tests/world/test_seeds.py",
    "tests/properties/test_everything.py",
)
"""Files that take the longest, in whole or waiting: they begin first, so that no worker is alone at the end."""


def pytest_collection() -> None:
    """What is collected stays: looking for garbage in it takes a sixth of the time of collecting."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; the order is that of the files else."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command that was run in this process sets its own handler, to a standard error that ends with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresForTests]:
    """A real server, for all tests of a session."""
    with running() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Address]]:
    """Gives addresses of new databases, on SQLite and on PostgreSQL."""
    if request.param == "postgresql":
        server: PostgresForTests = request.getfixturevalue("postgres")
        with server.databases() as give:
            yield give
        return
    numbers = iter(range(1_000))
    yield lambda: tmp_path / f"records{next(numbers) or ''}.db"


@pytest.fixture
def address(new_address: Callable[[], Address]) -> Address:
    """A new database, on SQLite and on PostgreSQL."""
    return new_address()
