"""Regular expressions of InfluxQL that were made to take for ever."""

import json

import httpx
import pytest

from api.influxql import conditions
from api.influxql.faults import Unanswered
from api.influxql.matching import LONGEST_PATTERN, check_repeats, matches
from api.influxql.schema import Naming
from api.influxql.tree import Binary, Ref, Regex
from tests.unit.api.conftest import TAGS

LONG = "a" * 5_000 + "!"


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(a*)*b", "(.*a){20}$", "(x+x+)+y", "(a?){100}a{100}$"])
def test_what_takes_others_for_ever_is_looked_for_in_one_pass(pattern: str) -> None:
    # One pass: with an engine that goes back, this test would not end.
    assert matches(pattern, [LONG, "b"]).shape == (2,)


@pytest.mark.parametrize("pattern", [".{1,1000}.{1,1000}", "((a{30}){30}){999}", r"\pL" * 21, r"[\pL]{20}", "a{1001}"])
@pytest.mark.parametrize(
    ("query", "params"),
    [
        ('SHOW TAG VALUES WITH KEY = "tag" WHERE "tag" =~ /PATTERN/', {}),
        ("SHOW MEASUREMENTS WITH MEASUREMENT =~ /PATTERN/", {}),
        ('SELECT * FROM x WHERE "tag" =~ $p', {"p": {"regex": "PATTERN"}}),
    ],
)
async def test_what_is_large_to_read_is_refused_before(
    client: httpx.AsyncClient, pattern: str, query: str, params: dict[str, dict[str, str]]
) -> None:
    asked = {"db": "thermowell", "q": query.replace("PATTERN", pattern)}
    filled = {name: {"regex": pattern} for name in params}
    answered = await client.get("/influx/query", params=asked | ({"params": json.dumps(filled)} if filled else {}))

    assert answered.status_code == 400
    assert "repeats in regular expressions" in answered.json()["error"]


@pytest.mark.parametrize(("pattern", "why"), [("x" * (LONGEST_PATTERN + 1), "longer than"), ("(", "error parsing")])
def test_what_is_no_expression_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(Unanswered, match=why):
        matches(pattern, ["a"])


@pytest.mark.parametrize(
    "pattern", ["^R101[.](TT|PT)$", r"^\d{4}-\d{2}$", r"^.{1,64}$", r"\pL+", "a{2,}", "^(" + "x|" * 600 + "x)$"]
)
def test_what_people_write_is_read(pattern: str) -> None:
    check_repeats(pattern)

    assert matches(pattern, ["R101.TT"]).shape == (1,)


def test_an_expression_is_read_once_for_all_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(pattern: str, texts: list[str]) -> object:
        asked.append(len(texts))
        return matches(pattern, texts)

    monkeypatch.setattr(conditions, "matches", counted)
    (measurement,) = Naming("demo", {}, simulated=False).measurements(TAGS)
    where = Binary("AND", Binary("=~", Ref("tag"), Regex("T$")), Binary("!~", Ref("tag"), Regex("^T7")))
    prepared = conditions.looked_for(where, measurement.series, lambda: None)
    met = [one.tags["tag"] for one in measurement.series if conditions.holds(prepared, one, {}, {})]

    assert met == ["R101.PT", "R101.TT"]
    assert asked == [4, 4]
