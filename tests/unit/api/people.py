"""A plant's interface with accounts: real records in a file, passwords hashed as cheaply as argon2 allows."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from domain.people import Person
from domain.time import SECOND_NS
from records.desk import SqlPeople
from records.engine import Database
from records.passwords import Hasher
from tests.unit.api.conftest import World, a_client, a_world

ADA, GRACE = "correct battery of words", "another set of words"
MAKER = Person("maker", "", "cli")
WALL_NS = 1_800_000_000_000_000_000


@dataclass
class Wall:
    """The wall's clock, set by hand."""

    now_ns: int = WALL_NS

    def __call__(self) -> int:
        return self.now_ns

    def goes_on(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND_NS)


@dataclass
class Peopled:
    """A world with accounts; Ada is an operator, Grace an administrator."""

    world: World
    people: SqlPeople
    wall: Wall
    path: Path

    def client(self) -> httpx.AsyncClient:
        """A browser of its own."""
        return a_client(self.world)


CHEAP = Hasher(memory_kib=8, passes=1)


@cache
def _records() -> bytes:
    """The file of records in which Ada and Grace have accounts: made once, each plant has a copy."""
    with TemporaryDirectory() as folder, closing(Database(Path(folder) / "records.db")) as database:
        people = SqlPeople(database, Wall(), CHEAP)
        for name, full_name, role, password in (
            ("ada", "Ada Lovelace", "operator", ADA),
            ("grace", "Grace Hopper", "admin", GRACE),
        ):
            people.add(name, full_name, role, MAKER, "she works here")
            people.give_password(name, password, MAKER)
        database.close()
        assert [file.name for file in Path(folder).iterdir()] == ["records.db"]  # all is in the one file
        return (Path(folder) / "records.db").read_bytes()


@contextmanager
def peopled(folder: Path, **changes: Any) -> Iterator[Peopled]:
    wall, path = Wall(), folder / "records.db"
    path.write_bytes(_records())
    with closing(Database(path)) as database:
        people = SqlPeople(database, wall, CHEAP)
        yield Peopled(a_world(people=people, **changes), people, wall, path)


async def sign_in(client: httpx.AsyncClient, name: str = "ada", password: str = ADA) -> httpx.Response:
    """Sign in; from then on the client's writes carry the session's word."""
    answered = await client.post("/v1/session", json={"name": name, "password": password})
    if answered.status_code == 201:
        client.headers["X-CSRF-Token"] = answered.json()["csrf"]
    return answered
