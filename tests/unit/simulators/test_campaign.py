"""The whole plant: physics, operators, faults, instruments and what is told of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from domain.time import SECOND_NS
from simulators.campaign import Campaign, Moment, by_outlet, twin, updates
from simulators.demo import plan as demo
from simulators.faults.spec import AtPhase, AtTime, FaultSpec
from simulators.layout import SMALL, Layout, Line
from simulators.operators.draw import reactor_draw
from simulators.recipe import USUAL, Recipe, RecipePhase, phases_of
from simulators.scenario import CampaignPlan, InstrumentChange, Scenario, Servers
from simulators.tags import plant_tags

ONE = Layout(("R101",), (Line("T101", "C101", "D101"),), (0,))
PLAN = CampaignPlan(start_s=(600, 900), first_batch=(1, 1), wait_s=300, longest_delay_s=60)
QUIET = Scenario("quiet", "nothing", 7, 1_790_000_000 * SECOND_NS, 86_400, SMALL, USUAL, PLAN)
SMALLEST = replace(QUIET, layout=ONE, plan=replace(PLAN, start_s=(600,), first_batch=(1,)))
HOUR_S = 3600


def stream(campaign: Campaign, *until: int) -> list[tuple[int, bytes, bytes, Mapping[str, object]]]:
    moments = [campaign.opening]
    for second in until:
        moments.extend(campaign.advance(second))
    return [
        (moment.second, moment.readings.value.tobytes(), moment.readings.instrument.tobytes(), moment.changed)
        for moment in moments
    ]


def ran(campaign: Campaign, until_s: int) -> Campaign:
    for _ in campaign.advance(until_s):
        pass
    return campaign


@pytest.mark.parametrize("step_s", [1, 5])
def test_the_same_seed_gives_the_same_bits_however_the_time_is_cut(step_s: int) -> None:
    scenario = replace(QUIET, step_s=step_s, plan=replace(PLAN, start_s=(100, 200)))
    whole = stream(Campaign(scenario), 300)

    assert stream(Campaign(scenario), 3, 4, 155, 299, 300) == whole


def test_another_seed_gives_another_run() -> None:
    assert stream(Campaign(QUIET), 700) != stream(Campaign(QUIET, 8), 700)


def test_the_opening_tells_every_tag_once() -> None:
    campaign = Campaign(QUIET)
    rows = updates(campaign.opening, campaign.tags, QUIET.start_ns)

    assert sorted(row.name for row in rows) == sorted(campaign.tags.names)


def test_what_began_before_the_origin_is_told_as_it_stands_then() -> None:
    campaign = Campaign(replace(SMALLEST, plan=replace(SMALLEST.plan, start_s=(-1800,))))

    assert campaign.opening.changed["R101.STEP"] == 15
    assert campaign.opening.changed["R101.BATCH"] == "101-0001"
    assert campaign.situation("R101").since_s == 1200 - 1800


def test_another_unit_changes_nothing_that_a_units_tags_say() -> None:
    told = []
    for scenario in (SMALLEST, QUIET):
        campaign = Campaign(scenario)
        rows = (row for moment in campaign.advance(1500) for row in updates(moment, campaign.tags, 0))
        told.append([row for row in rows if row.name.startswith("R101.")])

    assert told[0] == told[1]
    assert len(told[0]) > 900


def test_observers_see_every_step_after_it() -> None:
    @dataclass
    class Recorder:
        seen: list[int] = field(default_factory=list)

        def observe(self, campaign: Campaign) -> None:
            self.seen.append(campaign.second)

    campaign, recorder = Campaign(SMALLEST), Recorder()
    campaign.observers.append(recorder)
    ran(campaign, 60)

    assert recorder.seen == list(range(5, 61, 5))


def rows_of(moments: Iterable[Moment], campaign: Campaign) -> list[tuple[str, int]]:
    rows = (row for moment in moments for row in updates(moment, campaign.tags, 0))
    return [(row.name, row.time_ns) for row in rows if row.time_ns is not None]


def test_each_tag_keeps_its_own_rhythm() -> None:
    slow = replace(SMALLEST, instruments={"R101.TT": InstrumentChange(period_s=60)})
    campaign = Campaign(slow)
    count = Counter(name for name, _ in rows_of(campaign.advance(600), campaign))

    assert (count["R101.TT"], count["R101.PT"], count["R101.JT"], count["R101.FQ"]) == (10, 60, 30, 10)


def test_a_controller_reads_its_inputs_one_after_the_other_just_before_the_full_second() -> None:
    campaign = Campaign(SMALLEST)
    times = {name: time_ns % SECOND_NS for name, time_ns in rows_of([campaign.opening], campaign)}

    assert times["R101.TT"] == times["R101.STEP"] == 0
    assert len({times[tag.name] for tag in campaign.tags.measured if tag.place == "R101" and tag.role != "TT"}) == 11
    assert all(time_ns == 0 or time_ns > 0.8 * SECOND_NS for time_ns in times.values())


def test_tags_are_on_the_servers_that_there_are() -> None:
    both, opcua, mqtt = (plant_tags(SMALL, each) for each in (Servers(), Servers(mqtt=""), Servers(opcua=False)))
    over_mqtt = {name for name, outlet in both.outlets.items() if outlet == "mqtt"}

    assert over_mqtt == {"R101.JI", "R102.JI", "T101.LT", "T101.TT", "T201.LT", "T201.TT", "U1.TT"}
    assert set(opcua.outlets.values()) == {"opcua"}
    assert set(mqtt.outlets.values()) == {"mqtt"}
    assert all(tag.topic for tag in (*mqtt.measured, *mqtt.states))
    assert len({tag.topic for tag in (*mqtt.measured, *mqtt.states)}) == len(mqtt.names)


def test_the_topics_of_the_demo_stay_what_they_are() -> None:
    topics = {tag.name: tag.topic for tag in plant_tags().measured if tag.topic}

    assert topics["R101.JI"] == "plant/r101/agitator_power"
    assert topics["T201.LT"] == "plant/t201/level"
    assert topics["T201.TT"] == "plant/t201/temperature"
    assert topics["U1.TT"] == "plant/utility/heating_supply"


def test_rows_go_to_their_outlets_in_order() -> None:
    campaign = Campaign(QUIET)
    rows = updates(campaign.opening, campaign.tags, 0)
    parts = by_outlet(rows, campaign.tags)

    assert {outlet: len(part) for outlet, part in parts.items()} == {"opcua": len(rows) - 7, "mqtt": 7}
    assert [row for row in rows if campaign.tags.outlets[row.name] == "opcua"] == parts["opcua"]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (replace(QUIET, step_s=3), "3 s does not divide"),
        (replace(QUIET, plan=replace(PLAN, start_s=(0,))), "start_s is given for 1 of 2 reactors"),
        (replace(QUIET, instruments={"R109.TT": InstrumentChange(bias=1.0)}), "R109.TT"),
        (replace(QUIET, instruments={"R101.TT": InstrumentChange(low=300.0)}), "R101.TT"),
    ],
)
def test_a_scenario_that_contradicts_itself_is_refused_by_name(wrong: Scenario, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Campaign(wrong)


def fault(kind: str, target: str, start: AtTime | AtPhase, lasts_s: int | None = None, **settings: float) -> FaultSpec:
    return FaultSpec(kind, kind, target, start, lasts_s, settings=settings)


def charged_m3(scenario: Scenario) -> float:
    campaign = ran(Campaign(scenario), 600 + 1200 + 60)
    return float(campaign.trains["total_charged"][0])


def test_a_wrong_charge_from_the_phases_start_is_wrong_by_exactly_its_amount() -> None:
    wrong = replace(SMALLEST, faults=(fault("wrong_charge", "R101", AtPhase("R101", "charge"), amount=0.85),))
    drawn = reactor_draw(SMALLEST.seed, "R101", 1, SMALLEST.plan).charge

    assert charged_m3(twin(wrong)) == pytest.approx(1.25e-3 * 1200 * drawn, rel=1e-9)
    assert charged_m3(wrong) / charged_m3(twin(wrong)) == pytest.approx(0.85, rel=1e-9)


def test_faults_are_told_when_they_come_and_when_they_go() -> None:
    campaign = Campaign(replace(SMALLEST, faults=(fault("cut", "opcua", AtTime(100), 50),)))
    told = [
        (moment.second, change.spec.id, change.active) for moment in campaign.advance(200) for change in moment.faults
    ]

    assert told == [(100, "cut", True), (150, "cut", False)]


def test_a_fault_can_be_put_in_and_taken_out_while_the_plant_runs() -> None:
    campaign = ran(Campaign(SMALLEST), 300)
    campaign.inject(fault("bias", "R101.TT", AtTime(0), size=30.0))
    biased = [float(m.readings.value[m.readings.instrument == 0][0]) for m in campaign.advance(310) if m.second == 310]
    campaign.clear("bias")
    right = [float(m.readings.value[m.readings.instrument == 0][0]) for m in campaign.advance(330) if m.second == 320]

    assert biased == [pytest.approx(50.0, abs=0.5)]
    assert right == [pytest.approx(20.0, abs=0.5)]


def test_a_twin_has_the_same_people_and_nothing_goes_wrong() -> None:
    broken = demo.demo_scenario()

    assert replace(twin(broken), name="normal", teaches="") == replace(demo.normal_scenario(), teaches="")


def short(phases: tuple[RecipePhase, ...], lasts_s: int) -> tuple[RecipePhase, ...]:
    keep = {"charge", "transfer", "distil", "empty"}
    shorter = (phase if phase.name in keep else replace(phase, lasts_s=min(phase.lasts_s, lasts_s)) for phase in phases)
    return tuple(replace(phase, ramp_s=min(phase.ramp_s, phase.lasts_s)) for phase in shorter)


@pytest.fixture(scope="module")
def through() -> Campaign:
    """One batch, in a hurry, through reactor, tank, crystalliser and still."""
    hurried = replace(
        USUAL,
        phases=short(USUAL.phases, 300),
        crystallisation=short(USUAL.crystallisation, 300),
        seed_after_s=120,
        distilled_k=360.15,
    )
    plan = CampaignPlan(start_s=(0,), first_batch=(1,), wait_s=0, longest_delay_s=0, batches=1)
    campaign = Campaign(replace(SMALLEST, recipe=hurried, plan=plan))
    while campaign.situation("D101").batch_number == 0 or campaign.situation("D101").batch:
        ran(campaign, campaign.second + 300)
        assert campaign.second < 7 * HOUR_S
    return campaign


def test_the_solvent_of_a_batch_is_recovered_or_waste(through: Campaign) -> None:
    trains = through.trains
    everywhere = np.array(
        [
            [trains[f"{vessel}_{solvent}"][0] for vessel in ("pot", "distillate", "recovered", "waste")]
            for solvent in ("methanol", "water")
        ]
    )
    charged_mol = trains["crystalliser_left_volume"][0] * 41_440.0
    pot, _, recovered, waste = everywhere.sum(axis=0) / charged_mol

    assert everywhere.sum() == pytest.approx(charged_mol, rel=1e-6)
    assert recovered > 0.15
    assert recovered + waste > 0.98
    assert pot < 0.01
    assert everywhere[0, 2] > 1.2 * everywhere[1, 2]  # most of what is recovered is methanol


def test_the_distillate_counter_is_the_tanks_total(through: Campaign) -> None:
    trains = through.trains
    molar_l = {"methanol": 0.0405, "water": 0.0181}
    litres = sum(
        molar * (trains[f"recovered_{solvent}"][0] + trains[f"distillate_{solvent}"][0])
        for solvent, molar in molar_l.items()
    )

    assert through.true_value("D101.FQ") == pytest.approx(litres, rel=0.01)


def test_every_quantity_of_every_tag_is_a_number(through: Campaign) -> None:
    assert np.isfinite(through.true_values()).all()
    assert through.true_value("T101.LT") == through.true_values()[through.panel.index["T101.LT"]]


def test_phases_of_a_recipe_are_those_that_run() -> None:
    recipe: Recipe = replace(USUAL, crystallisation=short(USUAL.crystallisation, 600))

    assert phases_of(SMALL, recipe, "C201") == recipe.crystallisation
    assert phases_of(SMALL, recipe, "R102") == USUAL.phases
