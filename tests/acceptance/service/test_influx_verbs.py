"""`thermowell influx init` and `thermowell mirror check|rebuild`: on a loopback server, and on a real one where given.

The loopback server answers by the documented HTTP API alone; that both pass the same tests holds it to the real one.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.time import HOUR_NS
from tests.acceptance.service.mirrored_plant import MirroredPlant, loopback_plant, real_plant, without_a_real_one
from tests.unit.service.mirrored_site import START_NS


@pytest.fixture(params=["loopback", pytest.param("real", marks=without_a_real_one)])
async def plant(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[MirroredPlant]:
    async for plant in real_plant(tmp_path) if request.param == "real" else loopback_plant(tmp_path):
        yield plant


def test_a_bucket_is_made_once_with_its_name_for_influxql(plant: MirroredPlant, capsys: pytest.CaptureFixture[str]):
    codes = [plant.init(), plant.init()]
    told = capsys.readouterr().out.splitlines()
    plant.keeps("30d")
    codes += [plant.init(), plant.init()]

    assert codes == [0, 0, 0, 0]
    assert told == [
        f"made bucket {plant.bucket}, which keeps points for ever",
        f"made database {plant.bucket} with policy autogen for InfluxQL",
        f"bucket {plant.bucket} is ready: nothing to do",
    ]
    assert capsys.readouterr().out.splitlines() == [
        f"changed bucket {plant.bucket}, which keeps points for 2592000 s now",
        f"bucket {plant.bucket} is ready: nothing to do",
    ]
    assert plant.ask("SHOW MEASUREMENTS")[0] == {"statement_id": 0}


def test_without_a_bucket_what_to_do_is_told(plant: MirroredPlant, capsys: pytest.CaptureFixture[str]):
    assert plant.run("check") == 2
    assert "thermowell influx init" in capsys.readouterr().err


def test_an_empty_mirror_is_filled_and_every_change_in_it_is_found_and_put_right(
    plant: MirroredPlant, capsys: pytest.CaptureFixture[str]
):
    plant.init()
    assert (plant.run("check"), plant.run("rebuild"), plant.run("check")) == (1, 0, 0)

    minute, hour = START_NS + 7 * 60 * 10**9, START_NS + HOUR_NS
    changes = {
        "another value": f"north,tag=R101.TT,unit=R101 value=1.5 {START_NS}",
        "another status": f"north,tag=R101.XV,unit=R101 status=5i {START_NS}",
        "a point too many": f"north,tag=R101.TT,unit=other value=1.5,status=0i {hour}",
        "another correction": f"north_corrections,tag=R101.TT,unit=R101,version=2 value=1.25 {minute}",
        "a text too many": f'north,tag=R101.STEP text="x",status=0i {hour}',
    }
    found = {}
    for name, line in changes.items():
        plant.write(line)
        found[name] = (plant.run("check"), plant.run("rebuild"), plant.run("check"))

    assert found == dict.fromkeys(changes, (1, 0, 0))


def test_one_tag_alone_can_be_compared(plant: MirroredPlant, capsys: pytest.CaptureFixture[str]):
    plant.init()
    plant.run("rebuild")
    plant.write(f"north,tag=R101.XV,unit=R101 status=5i {START_NS}")

    assert (plant.run("check", "--tag", "R101.XV"), plant.run("check", "--tag", "R101.TT")) == (1, 0)


def test_a_token_that_may_not_make_buckets_is_told(plant: MirroredPlant, capsys: pytest.CaptureFixture[str]):
    plant.init()
    plant.may_only("read")
    capsys.readouterr()
    plant.keeps("30d")

    assert plant.init() == 2
    told = capsys.readouterr().err
    assert "401" in told or "no organization" in told
    assert "the token may not" in told


def test_another_token_makes_the_bucket_for_a_mirror_that_may_only_write(
    plant: MirroredPlant, capsys: pytest.CaptureFixture[str]
):
    operator = plant.config.parent / "operator.token"
    operator.write_text(plant.target.token, encoding="utf-8")
    (plant.config.parent / "token").write_text("nobody's", encoding="utf-8")

    assert plant.init() == 2
    assert plant.init("--token-file", str(operator)) == 0


@pytest.mark.parametrize(
    ("right", "verb", "told"),
    [("write", "check", "the token may not read it"), ("read", "rebuild", "insufficient permissions for write")],
)
def test_a_token_without_the_right_is_told(
    plant: MirroredPlant, right: str, verb: str, told: str, capsys: pytest.CaptureFixture[str]
):
    plant.init()
    plant.may_only(right)

    assert plant.run(verb) not in (0, 1)
    assert told in capsys.readouterr().err


def test_a_name_that_is_another_buckets_database_is_refused(plant: MirroredPlant, capsys: pytest.CaptureFixture[str]):
    plant.init()
    text = plant.config.read_text(encoding="utf-8")
    org = plant.request("/api/v2/orgs?org=" + plant.target.org)["orgs"][0]["id"]
    other = plant.request("/api/v2/buckets", "POST", {"orgID": org, "name": f"{plant.bucket} 2", "retentionRules": []})[
        "id"
    ]
    mapping = {"orgID": org, "bucketID": other, "database": f"{plant.bucket} 3", "retention_policy": "autogen"}
    plant.request("/api/v2/dbrps", "POST", mapping | {"default": True})
    plant.config.write_text(text.replace(plant.bucket, f"{plant.bucket} 3"), encoding="utf-8")

    assert plant.init() == 2
    assert "InfluxQL knows another bucket" in capsys.readouterr().err


def test_an_organization_that_is_not_there_is_told_as_that(plant: MirroredPlant, capsys: pytest.CaptureFixture[str]):
    plant.init()
    text = plant.config.read_text(encoding="utf-8")
    plant.config.write_text(text.replace(f'org: "{plant.target.org}"', "org: nowhere"), encoding="utf-8")
    assert f'org: "{plant.target.org}"' in text
    capsys.readouterr()

    assert (plant.init(), plant.run("rebuild")) == (2, 75)
    told = capsys.readouterr().err
    assert told.count('404 organization name "nowhere" not found') == 2
    assert "`org` has to name it" in told
    assert "cannot be reached" not in told


async def test_a_server_that_is_away_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    async for plant in loopback_plant(tmp_path):
        gone = plant
    codes = [gone.init(), gone.run("check"), gone.run("rebuild")]

    assert not {0, 1, 2} & set(codes)
    assert capsys.readouterr().err.count("cannot be reached") == 3


async def test_points_are_kept_for_an_hour_at_least(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    async for plant in loopback_plant(tmp_path):
        plant.keeps("59min")
        assert plant.init() == 2
    assert "an hour at least" in capsys.readouterr().err


async def test_what_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    async for plant in loopback_plant(tmp_path):
        codes = [plant.init("--name", "other"), plant.run("check", "--name", "other"), plant.run("check", "--tag", "X")]
        codes.append(plant.run("check", "--start", "yesterday"))

    told = capsys.readouterr().err
    assert codes == [2, 2, 2, 2]
    assert all(words in told for words in ("name one of the mirrors: plant", "no mirror is named 'other'", "'X'"))
