"""The plant of `detect_bank` with all that the detectors can judge switched on: 500 units of 20 tags at 1 Hz.

Every unit runs a phase in which each parameter has NOR, validated and proven acceptable ranges, fixed limits, a rate, a
longest silence and a longest standstill, CUSUMs and an EWMA on windows of a minute, and all of its signal's health (its
own rhythm, runs of equal values, scatter, spikes, jumps, its instrument's range, its calibration). In every unit one
temperature has ranges around its set point, and a redundant twin; a weight is fed at a rate; a time at temperature is
counted; vapour pressure, jacket and a mass balance are compared. `HOLDS` tanks hold material within a condition
that one of the parameters tells, another `HOLDS` wait with a mean kinetic temperature, and a multivariate model watches
`MODELLED` units on cells of ten seconds. A heartbeat comes every five seconds.

Five tags are outside NOR all the time, a new excursion begins every ten seconds, and a set point steps every ten seconds.
"""

from collections.abc import Iterator

import numpy as np

from detectors.bank import Bank
from detectors.models.fitting import calibrated, fit
from domain.checks import ANTOINE, Balance, Jacket, Pair, Term, UnitChecks, Vapour
from domain.entries import BatchEvent, Entry, EventKind, Heartbeat
from domain.equipment import UnitModel
from domain.health import TagHealth
from domain.holds import Condition, Hold, HoldKind, HoldMode, Storage
from domain.models import Model, ModelKind
from domain.recipes import DwellRanges, Limits, ParameterRanges, Phase, RangeKind, RateRanges, Recipe
from domain.rules import DriftRule, Rulebook, TagRules
from domain.samples import SampleBatch
from domain.tags import Tag, TagId

SECOND = 1_000_000_000
T0 = 1_760_000_400 * SECOND
UNITS, HOLDS, MODELLED = 500, 50, 20
MEASURED_ROLES = ("TT", "TT2", "PT", "TJ", "W", "LT", "FT", *(f"P{number:02d}" for number in range(11)))
ROLES = ("STEP", "TSP", *MEASURED_ROLES)
PER_UNIT = len(ROLES)
TAGS = UNITS * PER_UNIT
_UNIT = {"TT": "degC", "TT2": "degC", "TSP": "degC", "TJ": "degC", "PT": "bar", "W": "kg", "LT": "m3", "FT": "m3/min"}
_LEVEL = 60.0
_CHECKS = UnitChecks(
    (Pair("TT", "TT2"),),
    Vapour("PT", "TT", ANTOINE["water"], ("dose",), 1e6),
    Jacket("TJ", "TT", None, ("dose",)),
    (Balance("fill", "LT", (Term("FT", 1e-9, is_flow=True),), ("dose",)),),
    {"TT": ("TJ",), "PT": ("TT",)},
)


def made_bank() -> Bank:
    """The plant's detectors."""
    names = [f"U{unit:03d}.{role}" for unit in range(UNITS) for role in ROLES]
    tags = [
        Tag(
            TagId(id_),
            f"{id_}",
            1,
            name,
            "plant",
            name,
            unit=_UNIT.get(name[5:], "1"),
            sensor_low=-50.0,
            sensor_high=200.0,
        )
        for id_, name in enumerate(names)
    ]
    model = _model()
    return Bank(_rulebook(names, model), tags)


def _rulebook(names: list[str], model: Model) -> Rulebook:
    ranges = {
        RangeKind.NOR: Limits(56.0, 64.0),
        RangeKind.VALIDATED: Limits(53.0, 67.0),
        RangeKind.PAR: Limits(50.0, 70.0),
    }
    around = {RangeKind.NOR: Limits(-4.0, 4.0), RangeKind.VALIDATED: Limits(-7.0, 7.0)}
    parameters = {role: ParameterRanges(role, _UNIT.get(role, "1"), "", ranges) for role in MEASURED_ROLES}
    parameters["TT"] = ParameterRanges("TT", "degC", "", ranges, set_point="TSP", relative=around)
    feed = RateRanges(
        "feed", "W", "kg/min", 60 * SECOND, falling=True, ranges={RangeKind.VALIDATED: Limits(-60.0, 60.0)}
    )
    hot = DwellRanges("hot", "TT", "degC", Limits(60.0, None), {RangeKind.NOR: Limits(60 * SECOND, 7200 * SECOND)})
    lasts = Limits(0, 6 * 3600 * SECOND)
    phase = Phase("dose", parameters, lasts, rates={"feed": feed}, dwells={"hot": hot})
    units = {
        f"U{unit:03d}": UnitModel(
            f"U{unit:03d}",
            {role: f"U{unit:03d}.{role}" for role in ROLES[1:]},
            phase_tag=f"U{unit:03d}.STEP",
            phase_map={"20": "dose"},
            settle_ns=5 * SECOND,
            checks=_CHECKS,
        )
        for unit in range(UNITS)
    }
    tanks = {f"T{tank:03d}": UnitModel(f"T{tank:03d}", {}) for tank in range(2 * HOLDS)}
    every = TagHealth(*(True,) * 6, calibrated_ns=T0, calibration_due_ns=T0 + 90 * 86400 * SECOND)
    drift = DriftRule(60 * SECOND, target=_LEVEL, sigma=0.22)
    tags = {
        name: TagRules(name, 100.0, 0.0, 600.0, 60 * SECOND, 600 * SECOND, drift, health=every)
        for name in names
        if not name.endswith((".STEP", ".TSP"))
    }
    return Rulebook(
        recipes={"API-1": Recipe("API-1", 7, "CR-1", {"dose": phase})},
        units=units | tanks,
        holds={each.name: each for each in _holds()},
        tags=tags,
        models={model.name: model},
        hash="bench",
    )


def _holds() -> Iterator[Hold]:
    for tank in range(HOLDS):
        ends = ("first_transfer_in", "first_transfer_out", 12 * 3600 * SECOND, (3600 * SECOND,), "HT-31")
        watched = Condition(f"U{tank:03d}.P10", 50.0, 70.0)
        yield Hold(
            f"cold-{tank}", HoldKind.INTERMEDIATE, f"T{tank:03d}", *ends, mode=HoldMode.IN_CONDITION, condition=watched
        )
        stored = Storage(f"U{tank:03d}.P09", 3600 * SECOND)
        yield Hold(f"stored-{tank}", HoldKind.INTERMEDIATE, f"T{HOLDS + tank:03d}", *ends, storage=stored)


def _model() -> Model:
    random = np.random.default_rng(1)
    columns = len(MEASURED_ROLES)
    mix = random.normal(size=(5, columns))
    runs = [_LEVEL + random.normal(size=(400, 5)) @ mix + random.normal(size=(400, columns)) for _ in range(3)]
    fitted = calibrated(fit(runs[:2]), runs[2:])
    return Model(
        name="bench",
        kind=ModelKind.MULTIVARIATE,
        hash="bench",
        trainer="bench",
        units=tuple(f"U{unit:03d}" for unit in range(MODELLED)),
        product="",
        phase="dose",
        parameters=MEASURED_ROLES,
        every_ns=10 * SECOND,
        after_ns=0,
        stale_ns=60 * SECOND,
        most_missing=0.3,
        on=2,
        off=8,
        back=0.8,
        least_references=0,
        most_references=1,
        warped=False,
        arrays={name: getattr(fitted, name) for name in fitted.__dataclass_fields__},
    )


def entries_of(seconds: int) -> list[list[Entry]]:
    """By second: a row per tag, and what else there is: AR(1) noise around 60, rounded as instruments do."""
    random = np.random.default_rng(7)
    tag = np.arange(TAGS, dtype=np.uint32)
    level, status = np.zeros(TAGS), np.zeros(TAGS, np.uint32)
    set_point = np.full(UNITS, _LEVEL)
    entries: list[list[Entry]] = []
    for second in range(seconds):
        level = 0.9 * level + random.normal(0.0, 0.15, TAGS)
        value = _LEVEL + level
        value[2 : 5 * PER_UNIT : PER_UNIT] += 5.5
        value[random.integers(TAGS)] += 5.5 * (second % 10 == 0)
        set_point[random.integers(UNITS)] += 0.1 * (second % 10 == 5)
        value[::PER_UNIT], value[1::PER_UNIT] = 20.0, set_point
        time_ns = T0 + second * SECOND + random.integers(0, 10_000_000, TAGS)
        now_ns = T0 + (second + 1) * SECOND
        of_second: list[Entry] = [SampleBatch("plant", T0, tag, time_ns, None, np.round(value, 2), status)]
        if second == 0:
            of_second += _transfers(now_ns)
        if second % 5 == 4:
            of_second.append(Heartbeat("plant", now_ns, connected=True, heard_ns=now_ns, skew_ns=0))
        entries.append(of_second)
    return entries


def _transfers(at_ns: int) -> Iterator[Entry]:
    """Material comes into every tank."""
    for tank in range(2 * HOLDS):
        yield BatchEvent(
            f"in-{tank}", "", EventKind.TRANSFER_START, at_ns, at_ns, from_unit=f"U{tank:03d}", to_unit=f"T{tank:03d}"
        )
