from dataclasses import replace

import pytest

from simulators.faults.catalogue import CATALOGUE, Domain, Target, check
from simulators.faults.spec import AtCondition, AtPhase, AtTime, FaultSpec, Shape
from tests.unit.simulators.faults.plants import LAYOUT, fault

TAGS = ("R101.TT", "R101.AT", "R102.AT", "R101.STEP")
ON = {
    Target.REACTOR: "R101",
    Target.TANK: "T101",
    Target.CRYSTALLISER: "C101",
    Target.STILL: "D101",
    Target.TAG: "R101.TT",
    Target.OPCUA: "opcua",
    Target.MQTT: "mqtt",
}
NEEDED = {"bias": {"size": 1.0}, "drift": {"rate": 1.0}, "spike": {"size": 1.0}, "clip": {"low": 1.0}}


@pytest.mark.parametrize(
    ("kind", "target"), [(kind.kind, target) for kind in CATALOGUE.values() for target in kind.targets]
)
def test_every_kind_is_accepted_on_what_it_may_befall_with_its_defaults(kind: str, target: Target) -> None:
    assert check(fault(kind, ON[target], lasts_s=60, settings=NEEDED.get(kind)), LAYOUT, TAGS) == []


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_kind_is_refused_on_what_it_cannot_befall(kind: str) -> None:
    for target in set(Target) - set(CATALOGUE[kind].targets):
        problems = check(fault(kind, ON[target], lasts_s=60, settings=NEEDED.get(kind)), LAYOUT, TAGS)

        assert len(problems) == 1
        assert problems[0].startswith(f"target: {ON[target]!r} is ")


@pytest.mark.parametrize("kind", sorted(CATALOGUE))
def test_every_default_is_within_its_own_limits(kind: str) -> None:
    for setting in CATALOGUE[kind].settings.values():
        assert setting.default is None or setting.problem(setting.default) is None
        assert not (setting.required and setting.default is not None)


def test_the_catalogue_has_every_domain_and_names_each_kind_once() -> None:
    assert {kind.domain for kind in CATALOGUE.values()} == set(Domain)
    assert all(name == kind.kind for name, kind in CATALOGUE.items())
    assert all(kind.does.endswith(".") for kind in CATALOGUE.values())


USUAL = fault(lasts_s=600)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (replace(USUAL, kind="gremlins"), "kind: 'gremlins' is none of cooling_lost, heating_lost"),
        (replace(USUAL, target="R999"), "target: there is no unit, tag or server 'R999'; a reactor (R101, R102, R103)"),
        (replace(USUAL, target="T101"), "target: 'T101' is a tank, and base_pump_lost befalls a reactor (R101"),
        (fault("cut", "R101.TT"), "target: 'R101.TT' is a tag, and cut befalls the server opcua or the server mqtt"),
        (fault("stuck", "opcua"), "target: 'opcua' is the server, and stuck befalls a tag"),
        (fault("stuck", "R101.STEP"), "target: 'R101.STEP' comes from the control system: there is no instrument that"),
        (
            replace(USUAL, start=AtCondition("R101.STEP", above=1.0)),
            "start.tag: 'R101.STEP' comes from the control system: it has no true value",
        ),
        (replace(USUAL, settings={"left": 1.5}), "settings.left: 1.5 is not within 0 … 0.99"),
        (replace(USUAL, settings={"left": "half"}), "settings.left: 'half' is no number"),
        (replace(USUAL, settings={"left": True}), "settings.left: True is no number"),
        (replace(USUAL, settings={"left": float("nan")}), "settings.left: nan is no number"),
        (replace(USUAL, settings={"rest": 0.5}), "settings.rest: base_pump_lost has no such setting (left)"),
        (fault("cut", "mqtt", settings={"how": "quickly"}), "settings.how: cut has no such setting (it has none)"),
        (fault("leak", settings={"size": 1.0}), "settings.size: 1 is not within 1e-10 … 0.0001 mol/s/Pa"),
        (fault("mistuned_loop", settings={"loop": "level"}), "settings.loop: 'level' is none of temperature, jacket"),
        (fault("bias", "R101.TT"), "settings.size: bias needs it: what it reads too much"),
        (fault("clip", "R101.TT"), "settings: clip needs an end, low or high"),
        (
            fault("clip", "R101.TT", settings={"low": 5.0, "high": 5.0}),
            "settings: the low end (5) is not below the high end (5)",
        ),
        (
            fault("ph_slope", "R102.AT", settings={"compensated_at": 25.0}),
            "settings.compensated_at: the plant does not measure the liquid's temperature, R102.TT",
        ),
        (replace(USUAL, start=AtTime(-1)), "start: -1 s is before the campaign"),
        (replace(USUAL, start=AtPhase("R999", "dose")), "start.unit: there is no unit 'R999'"),
        (replace(USUAL, start=AtPhase("R101", "lunch")), "start.phase: R101 has no phase 'lunch' (heat, dose)"),
        (replace(USUAL, start=AtPhase("T101", "dose")), "start.phase: T101 has no phase 'dose' (it has none)"),
        (replace(USUAL, start=AtPhase("R101", "dose", -5)), "start.after: -5 s is before the phase"),
        (replace(USUAL, start=AtPhase("R101", "dose", batch=0)), "start.batch: batches count from 1, not 0"),
        (
            replace(USUAL, start=AtPhase("R101", "dose", batch=None), lasts_s=None),
            "lasts: a fault that comes back in every batch needs to end before",
        ),
        (replace(USUAL, start=AtCondition("R101.XX", above=1.0)), "start.tag: there is no tag 'R101.XX'"),
        (replace(USUAL, start=AtCondition("R101.TT")), "start: a condition needs a limit, above or below"),
        (replace(USUAL, start=AtCondition("R101.TT", float("nan"))), "start: a limit is no number"),
        (replace(USUAL, start=AtCondition("R101.TT", 1.0, for_s=-1)), "start.for: -1 s is no time"),
        (replace(USUAL, lasts_s=0), "lasts: 0 s is no time"),
        (fault("server_restart", "opcua"), "lasts: server_restart needs a time to come back"),
        (replace(USUAL, shape=Shape.RAMP), "ramp: 0 s is no time"),
        (replace(USUAL, shape=Shape.RAMP, ramp_s=601), "ramp: 601 s is longer than the fault lasts (600 s)"),
        (replace(USUAL, shape=Shape.RAMP, ramp_s=60, power=0.0), "power: 0 is not above 0"),
        (replace(USUAL, ramp_s=60), "ramp: a fault of shape step has none"),
        (fault("cut", "opcua", shape=Shape.RAMP, ramp_s=60), "shape: cut is there or not: it has no ramp"),
        (
            replace(USUAL, shape=Shape.INTERMITTENT, period_s=60, on_s=60),
            "period: there for 60 s of every 60 s is impossible",
        ),
        (replace(USUAL, period_s=60), "period: a fault of shape step has none"),
        (
            fault("drift", "R101.TT", settings={"rate": 1.0}, shape=Shape.INTERMITTENT, period_s=60, on_s=30),
            "shape: drift adds up, so it cannot come and go",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(spec: FaultSpec, words: str) -> None:
    problems = check(spec, LAYOUT, TAGS, {"R101": ("heat", "dose")})

    assert len(problems) == 1
    assert problems[0].startswith(words)


def test_a_node_of_the_control_system_may_be_invalid() -> None:
    assert check(fault("nodes_invalid", "R101.STEP"), LAYOUT, TAGS) == []


def test_every_problem_is_told_at_once() -> None:
    spec = replace(USUAL, target="R999", settings={"left": 2.0}, start=AtTime(-1), lasts_s=-1)

    assert [problem.partition(":")[0] for problem in check(spec, LAYOUT, TAGS)] == [
        "target",
        "settings.left",
        "start",
        "lasts",
    ]
