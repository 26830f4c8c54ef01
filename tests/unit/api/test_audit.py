import csv
import hashlib
import io
import json

from domain.audit import AuditEntry
from domain.ports import Person
from tests.unit.api.conftest import LEAD, NOW_NS, World, a_client, a_world

AS_QA = {"Authorization": "Bearer token-of-quality"}
AUDIT = "/v1/audit"


def with_trail(count: int = 3, **changed: str) -> World:
    world = a_world()
    world.records.people["token-of-quality"] = Person("Grace", "QA")
    for number in range(count):
        said = {"comment": "seen", "old": "unacknowledged", "new": "acknowledged"} | changed
        entry = AuditEntry(f"a{number}", NOW_NS, "Ada", "acknowledge", "R101.TT~high", "acknowledge", **said)
        world.records.audit(entry)
    return world


async def test_the_trail_is_shown_page_by_page() -> None:
    async with a_client(with_trail(5)) as client:
        first = (await client.get(AUDIT, params={"limit": 3}, headers=AS_QA)).json()
        second = (await client.get(AUDIT, params={"limit": 3, "before": first["next"]}, headers=AS_QA)).json()

    assert [each["sequence"] for each in first["records"] + second["records"]] == [5, 4, 3, 2, 1]
    assert second["next"] is None
    assert first["records"][0]["old"] == "unacknowledged"


async def test_who_may_not_read_the_trail_is_refused() -> None:
    async with a_client(with_trail()) as client:
        assert (await client.get(AUDIT)).status_code == 401
        assert (await client.get(AUDIT, headers={"Authorization": f"Bearer {LEAD}"})).status_code == 403


async def test_an_export_has_schema_and_hash_and_is_itself_recorded() -> None:
    world = with_trail()
    async with a_client(world) as client:
        got = await client.get(f"{AUDIT}/export", params={"person": "Ada"}, headers=AS_QA)

    told = got.json()
    canonical = json.dumps(told["records"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert told["sha256"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert set(told["schema"]["columns"]) == set(told["records"][0])
    entry = world.records.trail[-1].entry
    assert (entry.kind, entry.new) == ("export", got.headers["Thermowell-SHA256"])
    assert entry.new == hashlib.sha256(got.content).hexdigest()
    assert entry.comment == "person: Ada"


async def test_no_cell_of_an_exported_table_is_a_formula() -> None:
    async with a_client(with_trail(1, comment='=cmd|"/c calc"!A1', old="+1", new="@x")) as client:
        got = await client.get(f"{AUDIT}/export", params={"format": "csv"}, headers=AS_QA)

    (row,) = csv.DictReader(io.StringIO(got.text))
    assert (row["comment"], row["old"], row["new"]) == ('\'=cmd|"/c calc"!A1', "'+1", "'@x")


async def test_the_page_has_the_form_and_no_record() -> None:
    async with a_client(with_trail(1, comment="<script>alert(1)</script>")) as client:
        page = (await client.get("/audit")).text

    assert 'id="audit-form"' in page
    assert "alert(1)" not in page
