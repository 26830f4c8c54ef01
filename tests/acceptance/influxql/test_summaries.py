"""Buckets from the record's summaries are the buckets of its rows."""

import pytest

from api.dependencies import Dependencies
from tests.acceptance.influxql.conftest import Ask
from tests.acceptance.influxql.plant import END_NS, SITE, START_NS
from tests.acceptance.influxql.queries import difference

_CALLS = ", ".join(f'{name}("value")' for name in ("count", "mean", "min", "max", "spread"))
_EVERY_ROW = ' AND "status" >= 0'  # a question about a field is answered row by row


@pytest.mark.parametrize("by", ["time(1m)", "time(7m, 13s)", "time(1h)", "time(1d)", ""])
@pytest.mark.parametrize("tags", ['"tag"', '"unit"', ""])
@pytest.mark.parametrize("ends", [(0, 0), (1_234_567_891, 3_600_000_000_007)])
async def test_summaries_and_rows_tell_the_same(ask: Ask, by: str, tags: str, ends: tuple[int, int]) -> None:
    calls = f'{_CALLS}, first("value"), last("value")' if tags == '"tag"' else _CALLS
    span = f"time >= {START_NS + ends[0]} AND time < {END_NS - ends[1]}"
    group = " GROUP BY " + ", ".join(part for part in (by, tags) if part) if by or tags else ""

    from_summaries = await ask(f'SELECT {calls} FROM "{SITE}" WHERE {span}{group}')
    from_rows = await ask(f'SELECT {calls} FROM "{SITE}" WHERE {span}{_EVERY_ROW}{group}')

    assert difference(from_summaries, from_rows) is None
    assert from_summaries["series"]


async def test_a_days_buckets_are_made_without_its_rows(
    deps: Dependencies, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tag without a Bad row is never read row by row."""
    read = []
    monkeypatch.setattr(type(deps.history), "read", lambda *asked, **more: read.append(asked))
    query = f'SELECT mean(value), max(value) FROM "{SITE}" WHERE "tag" = \'R1.TT\' AND time >= {START_NS} AND time < {END_NS} GROUP BY time(5m)'
    found = await ask(query)

    assert len(found["series"][0]["values"]) == 36
    assert read == []


async def test_a_number_fills_what_is_no_number_with_the_nothing_of_its_type(ask: Ask) -> None:
    """As InfluxDB does; where a series has no such field at all, the number itself stands there."""
    calls = 'max("boolean"), last("text"), count("value")'
    span = f"time >= {START_NS} AND time < {END_NS}"
    found = await ask(f'SELECT {calls} FROM "{SITE}" WHERE {span} GROUP BY time(5m), "tag" fill(7)')

    rows = {series["tags"]["tag"]: [row[1:] for row in series["values"]] for series in found["series"]}
    assert [False, 7, 7] in rows["R2.XV=1"]
    assert [7, "", 7] in rows["R2.STEP"]
    assert {tuple(row[:2]) for row in rows["R1.TT"]} == {(7, 7)}


@pytest.mark.parametrize("tag", ["R1.TT", "R1.PT", "R2.XV=1"])
@pytest.mark.parametrize("group", ["GROUP BY time(5m) fill(null)", "GROUP BY time(7m) fill(none)", ""])
async def test_what_is_not_bad_comes_from_the_summaries_as_from_the_rows(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tag: str, group: str
) -> None:
    """The same condition the other way round is not known as one, so its rows are read."""
    columns = ", ".join(f'{name}("value")' for name in ("count", "min", "max", "mean", "last", "first"))
    query = f'SELECT {columns} FROM "{SITE}" WHERE "tag" = \'{tag}\' AND $ AND time >= {START_NS} AND time <= {END_NS} {group}'
    by_rows = await ask(query.replace("$", '2147483648 > "status"'))
    by_summaries = await ask(query.replace("$", '"status" < 2147483648'))
    monkeypatch.setattr("api.influxql.budget.MOST_READ", 2_000 if tag == "R2.XV=1" else 0)
    without_reading = await ask(query.replace("$", '"status" < 2147483648'))

    assert without_reading == by_summaries
    assert told_alike(by_summaries, by_rows)


def told_alike(one: dict[str, object], other: dict[str, object]) -> bool:
    """Equal but for the last digit of a mean."""
    if "series" not in one or "series" not in other:
        return one == other
    rows, others = one["series"][0]["values"], other["series"][0]["values"]  # type: ignore[index]
    return len(rows) == len(others) and all(
        mine == theirs if mine is None or theirs is None else mine == pytest.approx(theirs, rel=1e-12)
        for row, their_row in zip(rows, others, strict=True)
        for mine, theirs in zip(row, their_row, strict=True)
    )
