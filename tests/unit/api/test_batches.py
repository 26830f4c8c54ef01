from dataclasses import replace

import httpx

from api.bands import bands_of
from api.dependencies import HoldRun, SetPointStep
from api.holds import hold_shapes
from api.times import TimeForm
from domain.entries import NOWHERE
from domain.findings import Finding, FindingId, PhaseRecord, Stage
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind
from domain.time import HOUR_NS, MINUTE_NS
from tests.unit.api.conftest import NOW_NS, RULEBOOK, World, a_client

DOSE = PhaseRecord("R101/B1/dose", "R101", "B1", "dose", "API-1 v7", NOW_NS - HOUR_NS)
CHARGE = PhaseRecord("R101/B1/charge", "R101", "B1", "charge", "API-1 v7", NOW_NS - 2 * HOUR_NS, NOW_NS - HOUR_NS)
BREACH = Finding(
    FindingId("f1"), 1, "hold.breach", "crude", Stage.OPEN, NOW_NS - 80 * HOUR_NS, None, NOW_NS, NOWHERE,
    "crude waits too long", unit="R101", batch="B1", evidence={"started_ns": NOW_NS - 80 * HOUR_NS},
)  # fmt: skip


def put_phases(world: World, *phases: PhaseRecord) -> None:
    world.records.all_phases = {phase.instance: phase for phase in phases}


async def test_a_batch_holds_its_phases_in_order_and_is_open_while_one_is(
    world: World, client: httpx.AsyncClient
) -> None:
    put_phases(world, DOSE, CHARGE)

    told = (await client.get("/v1/batches")).json()

    (batch,) = told["batches"]
    assert (batch["unit"], batch["batch"], batch["recipe"]) == ("R101", "B1", "API-1 v7")
    assert (batch["start_ns"], batch["end_ns"]) == (NOW_NS - 2 * HOUR_NS, None)
    assert [phase["phase"] for phase in batch["phases"]] == ["charge", "dose"]


async def test_newer_batches_come_first_and_a_limit_says_that_it_cut(world: World, client: httpx.AsyncClient) -> None:
    put_phases(world, CHARGE, replace(DOSE, batch="B2", instance="x"))

    told = (await client.get("/v1/batches")).json()
    cut = (await client.get("/v1/batches", params={"limit": 1})).json()

    assert [batch["batch"] for batch in told["batches"]] == ["B2", "B1"]
    assert [told["cut"], cut["cut"]] == [False, True]


async def test_a_band_begins_where_the_recipe_lets_it(world: World, client: httpx.AsyncClient) -> None:
    put_phases(world, DOSE, CHARGE)

    told = (await client.get("/v1/bands", params={"tag": "R101.TT"})).json()

    (band,) = told["bands"]
    assert (band["start_ns"], band["end_ns"]) == (DOSE.start_ns + 10 * MINUTE_NS, None)
    assert band["ranges"] == {"nor": [58, 62], "validated": [55, 65]}


def test_another_version_of_a_recipe_lends_no_band() -> None:
    assert list(bands_of(RULEBOOK, "R101.TT", replace(DOSE, recipe="API-1 v6"), TimeForm.NS)) == []


def test_a_phase_too_short_for_its_band_has_none() -> None:
    ended = replace(DOSE, end_ns=DOSE.start_ns + 5 * MINUTE_NS)

    assert list(bands_of(RULEBOOK, "R101.TT", ended, TimeForm.NS)) == []


def test_a_running_hold_counts_against_its_limit() -> None:
    run = HoldRun("crude", "R101", "B1", NOW_NS - 10 * HOUR_NS)

    (hold,) = hold_shapes(RULEBOOK, [run], [], NOW_NS, TimeForm.NS)

    assert (hold["state"], hold["elapsed_ns"], hold["limit_ns"]) == ("running", 10 * HOUR_NS, 72 * HOUR_NS)


def test_a_broken_hold_is_shown_though_nobody_reports_it_as_running() -> None:
    (hold,) = hold_shapes(RULEBOOK, [], [BREACH], NOW_NS, TimeForm.NS)

    assert (hold["state"], hold["elapsed_ns"]) == ("breached", 80 * HOUR_NS)


def test_a_hold_is_shown_once_with_the_worst_of_its_findings() -> None:
    warning = replace(BREACH, id=FindingId("f0"), rule="hold.warning")
    run = HoldRun("crude", "R101", "B1", NOW_NS - 80 * HOUR_NS)

    (hold,) = hold_shapes(RULEBOOK, [run], [warning, BREACH], NOW_NS, TimeForm.NS)

    assert (hold["state"], hold["finding"]) == ("breached", "f1")


def test_a_hold_without_a_start_is_indeterminate_never_zero() -> None:
    (hold,) = hold_shapes(RULEBOOK, [HoldRun("crude", "R101", "B1", None)], [], NOW_NS, TimeForm.NS)

    assert (hold["state"], hold["elapsed_ns"]) == ("indeterminate", None)


def test_of_holds_that_stand_alike_the_one_with_the_least_time_left_comes_first() -> None:
    runs = [
        HoldRun("crude", "R101", name, NOW_NS - HOUR_NS, left_ns=left_ns)
        for name, left_ns in (("B1", 5 * HOUR_NS), ("B2", None), ("B3", HOUR_NS))
    ]

    found = hold_shapes(RULEBOOK, [*runs, HoldRun("crude", "R101", "B4", None)], [], NOW_NS, TimeForm.NS)

    assert [each["batch"] for each in found] == ["B4", "B3", "B1", "B2"]


async def test_findings_come_with_their_evidence_and_can_be_read_on(world: World, client: httpx.AsyncClient) -> None:
    world.records.all_findings = [BREACH, replace(BREACH, id=FindingId("f2"), subject="R101.TT", rule="fixed.high")]

    first = (await client.get("/v1/findings", params={"limit": 1})).json()
    second = (await client.get("/v1/findings", params={"limit": 1, "before": first["next"]})).json()

    assert ([one["id"] for one in first["findings"]], first["cut"]) == (["f2"], True)
    assert ([one["id"] for one in second["findings"]], second["cut"]) == (["f1"], False)
    assert second["findings"][0]["evidence"] == {"started_ns": NOW_NS - 80 * HOUR_NS}


async def test_a_band_around_a_set_point_tells_its_steps_as_the_detectors_know_them(world: World) -> None:
    """The span that is asked for narrows what is read, not where the band begins."""
    asked: list[tuple[int, int, int]] = []

    def steps(tag: int, start_ns: int, end_ns: int) -> list[SetPointStep]:
        asked.append((tag, start_ns, end_ns))
        return [SetPointStep(start_ns, 60.0), SetPointStep(start_ns + 5, None)]

    relative = {RangeKind.NOR: Limits(-2, 2), RangeKind.ALERT: Limits(None, 3, high_open=True)}
    ranges = ParameterRanges("TT", "degC", "", {}, 0, "", "TSP", relative)
    recipe = replace(RULEBOOK.recipes["API-1"], phases={"dose": Phase("dose", {"TT": ranges})})
    unit = replace(RULEBOOK.units["R101"], parameters={"TT": "R101.TT", "TSP": "R101.PT"})
    rules = replace(RULEBOOK, recipes={"API-1": recipe}, units={"R101": unit})
    put_phases(world, DOSE)
    world.deps = replace(world.deps, rulebook=rules, set_points=steps)
    await world.feed.start()
    async with a_client(world) as client:
        answer = await client.get("/v1/bands", params={"tag": "R101.TT", "start": str(NOW_NS - MINUTE_NS)})

    world.feed.shut()
    (band,) = answer.json()["bands"]
    assert asked == [(1, NOW_NS - MINUTE_NS, NOW_NS + 1)]
    assert (band["start_ns"], band["ranges"]) == (DOSE.start_ns, {})
    assert band["around"] == {
        "set_point": "R101.PT",
        "ranges": {"nor": [-2, 2], "alert": [None, 3]},
        "open_ends": {"alert": "[)"},
        "time_ns": [NOW_NS - MINUTE_NS, NOW_NS - MINUTE_NS + 5],
        "value": [60.0, None],
        "cut": False,
    }
