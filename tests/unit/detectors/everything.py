"""A small plant in which everything is judged that can be, and a journal in which everything happens."""

import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np

from detectors.bank import Bank
from domain.checks import ANTOINE, Balance, Expectation, Jacket, Pair, Term, UnitChecks, Vapour
from domain.entries import (
    ActionKind,
    BatchEvent,
    Entry,
    EventKind,
    Gap,
    GapCause,
    Heartbeat,
    PersonAction,
    TagDefined,
)
from domain.equipment import FlowRule, UnitModel
from domain.health import TagHealth
from domain.holds import Budget, Condition, Hold, HoldKind, HoldMode, Storage
from domain.models import ModelKind
from domain.recipes import (
    Charged,
    DwellRanges,
    ExpectedYield,
    Limits,
    Operation,
    Phase,
    RangeKind,
    RateRanges,
    UnitProcedure,
)
from domain.rules import AlarmRule, DriftRule, Priority, Rulebook, TagRules
from domain.samples import SampleBatch
from domain.shifts import Shifts
from domain.status import BAD, UNCERTAIN
from domain.tags import Tag, TagId
from domain.watches import NoveltyWatch, SteadyRule
from tests.unit.detectors.approvals import approval
from tests.unit.detectors.plant import HOUR, MINUTE, RECIPE, SECOND, T0, ranges, texts
from tests.unit.detectors.small_models import model

NAMES = (
    *("R101.TT", "R101.TT2", "R101.PT", "R101.TSP", "R101.TJ", "R101.W", "R101.LT", "R101.FT"),
    *("R101.STEP", "R101.BATCH", "R101.RECIPE", "T201.IN", "T201.OUT", "T201.LT", "T201.V", "F1.PT", "R101.STATE"),
)
_UNIT = {"TT": "degC", "PT": "bar", "TS": "degC", "TJ": "degC", "W": "kg", "LT": "m3", "FT": "m3/min"}
ID = {name: number for number, name in enumerate(NAMES)}
TAGS = tuple(
    Tag(
        TagId(number),
        f"uuid-{number}",
        1,
        name,
        "line2" if name.startswith("F1") else "train1",
        f"s={name}",
        unit=_UNIT.get(name.partition(".")[2][:2], ""),
        sensor_low=-20.0,
        sensor_high=200.0,
    )
    for number, name in enumerate(NAMES)
)
_STEPS = {"10": "charge", "20": "dose", "30": "cool", "90": "clean"}
_EVERY = TagHealth(
    *(True,) * 6, calibrated_ns=T0 - HOUR, calibration_due_ns=T0 + 8 * MINUTE, calibration_failed_ns=T0 - MINUTE
)
_CHECKS = UnitChecks(
    (Pair("TT", "TT2"),),
    Vapour("PT", "TT", ANTOINE["water"], ("dose",), 40.0),
    Jacket("TJ", "TT", None, ("dose",), 0.01, 0.5),
    (Balance("fill", "LT", (Term("FT", 1.0, is_flow=True),), ("charge", "dose"), 3, 0.5),),
    {"TT": ("TJ",), "PT": ("TT",)},
)
_AROUND = replace(
    ranges((58.0, 62.0), (55.0, 65.0)),
    set_point="TSP",
    relative={RangeKind.NOR: Limits(-1.0, 1.0), RangeKind.ACTION: Limits(-3.0, 3.0)},
)
_FEED = RateRanges("feed", "W", "kg/min", MINUTE, falling=True, ranges={RangeKind.VALIDATED: Limits(0.5, 1.0)})
_HOT = DwellRanges("hot", "TT", "degC", Limits(61.0, None), {RangeKind.NOR: Limits(3 * MINUTE, 4 * MINUTE)}, "V")
_DOSE = replace(
    RECIPE.phases["dose"],
    parameters={"TT": _AROUND, "PT": RECIPE.phases["dose"].parameters["PT"]},
    duration=Limits(2 * MINUTE, 9 * MINUTE),
    rates={"feed": _FEED},
    dwells={"hot": _HOT},
    expects=(Expectation("TT", rises_per_min=0.5, for_ns=MINUTE), Expectation("PT", below=0.3, for_ns=MINUTE)),
)
_MAKE = UnitProcedure("make", (Operation("make", ("charge", "dose", "cool")),), ("R101",))
_DRY = UnitProcedure("dry", (Operation("dry", ("load", "dry")),), ("F1",))
MASTER = replace(
    RECIPE,
    phases={
        **RECIPE.phases,
        "dose": _DOSE,
        "load": Phase("load", {}),
        "dry": Phase("dry", {"PT": _DOSE.parameters["PT"]}),
    },
    procedure=(_MAKE, _DRY),
    gmp_start="dose",
    yields={
        "crude": ExpectedYield(
            "crude", "kg", Decimal(30), Decimal(80), Decimal(90), per=Charged("SM-1", Decimal(25), "kg")
        ),
        "all": ExpectedYield("all", "g", Decimal(25_000), Decimal(60), None, "V", "crude", ("F1", "R101")),
    },
)
APPROVED = replace(MASTER, phases={**MASTER.phases, "dose": replace(_DOSE, expects=())})
"""What people approve: what is expected of a phase stands in the file alone."""
UNITS = {
    "R101": UnitModel(
        "R101",
        {role: f"R101.{role}" for role in ("TT", "TT2", "PT", "TSP", "TJ", "W", "LT", "FT")},
        batch_tag="R101.BATCH",
        phase_tag="R101.STEP",
        phase_map=_STEPS,
        recipe_tag="R101.RECIPE",
        phase_state_tag="R101.STATE",
        settle_ns=5 * SECOND,
        checks=_CHECKS,
        steady=SteadyRule(("TT", "PT", "LT"), SECOND, MINUTE, 93, "dose"),
    ),
    "T201": UnitModel("T201", {"LT": "T201.LT"}, transfer_in_tag="T201.IN", transfer_out_tag="T201.OUT"),
    "TANK": UnitModel("TANK", {}, transfer_in_rule=FlowRule("T201.LT", 0.5, 30 * SECOND, "T201.V", "F1")),
    "F1": UnitModel(
        "F1", {"PT": "F1.PT"}, settle_ns=5 * SECOND, steady=SteadyRule(("PT",), 2 * SECOND, 30 * SECOND, 100)
    ),
}
_WAIT = Hold(
    "wait", HoldKind.INTERMEDIATE, "T201", "first_transfer_in", "last_transfer_out", 6 * MINUTE, (2 * MINUTE,), "HT-31"
)
_LEVEL = Condition("T201.LT", 1.0, 6.0)
HOLDS = {
    each.name: each
    for each in (
        replace(_WAIT, budget="all"),
        replace(_WAIT, name="cold", mode=HoldMode.IN_CONDITION, condition=_LEVEL, warn_after_ns=(MINUTE,)),
        replace(_WAIT, name="counted", mode=HoldMode.IN_CONDITION, condition=_LEVEL, counts_in_condition=True),
        replace(_WAIT, name="warm", mode=HoldMode.OVER_TEMPERATURE, condition=_LEVEL, budget="all", limit_ns=None),
        replace(_WAIT, name="stored", storage=Storage("T201.LT", 5 * MINUTE)),
        replace(_WAIT, name="until", mode=HoldMode.ENDPOINT, limit_ns=None, warn_before_ns=(), warn_after_ns=()),
        Hold("dirty", HoldKind.DIRTY, "R101", "last_use_end", "cleaning_start", 3 * MINUTE, (MINUTE,)),
        Hold("step", HoldKind.STEP, "R101", "charge.end", "cool.start", 5 * MINUTE, (MINUTE,)),
    )
}
RULES = {
    "R101.TT": TagRules(
        "R101.TT",
        fixed_high=140.0,
        rate_per_min=20.0,
        drift=DriftRule(20 * SECOND, target=60.0, sigma=0.5, advisory=True, fast_start=True),
        novelty=NoveltyWatch(2 * SECOND, MINUTE, 60),
        alarms=(AlarmRule("high", "excursion.nor.high", Priority.HIGH, deadband=0.5),),
        health=_EVERY,
    ),
    "R101.PT": TagRules(
        "R101.PT", rate_per_min=0.5, drift=DriftRule(10 * SECOND, arl0=50.0, learn=4, batches=3), health=_EVERY
    ),
    "R101.TT2": TagRules("R101.TT2", health=_EVERY),
    "T201.LT": TagRules("T201.LT", fixed_high=9.0, fixed_low=1.0, stale_after_ns=MINUTE, frozen_after_ns=MINUTE),
    "F1.PT": TagRules("F1.PT", fixed_high=0.4, health=_EVERY, novelty=NoveltyWatch(5 * SECOND, 20 * SECOND, 100)),
}
FIT = model()
TUBE = model(ModelKind.BATCH, "course")
RULEBOOK = Rulebook(
    recipes={"API-1": MASTER},
    units=UNITS,
    holds=HOLDS,
    budgets={"all": Budget("all", 5 * MINUTE, (2 * MINUTE,), "HT-32")},
    shifts=Shifts("UTC", (6 * 3600, 9 * 3600, 14 * 3600, 22 * 3600), ((0, 0),)),
    tags=RULES,
    models={each.name: each for each in (FIT, TUBE)},
    approval="required",
    hash="0123456789abcdef",
)
_MODELS = {each.hash: each for each in (FIT, TUBE)}


def everything(rulebook: Rulebook = RULEBOOK) -> Bank:
    """Every detector with something to do."""
    return Bank(rulebook, TAGS, library=_MODELS.get)


class Plant:
    """A plant that goes through its batches, and goes wrong; the same seed goes the same way."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._papers = random.Random(f"papers {seed}")  # what is told beside the plant's course
        self._now_s = 0
        self._made: list[Entry] = []
        self._value = dict.fromkeys(NAMES, 5.0) | {"R101.TT": 60.0, "R101.TT2": 60.0, "R101.PT": 0.2, "F1.PT": 0.2}
        self._ill: dict[str, str] = {}
        self._number = 0
        self._batch = "B-1"

    def lives(self, length: int) -> list[Entry]:
        """So many steps of its life, as entries of a journal."""
        self._made += [TagDefined(tag, T0) for tag in TAGS]
        self._made.append(approval(APPROVED))
        self._begin()
        happens = (
            (0.52, self._samples),
            (0.14, self._beat),
            (0.10, self._step),
            (0.05, self._fall_ill),
            (0.05, self._transfer),
            (0.05, self._event),
            (0.02, self._gap),
            (0.03, self._act),
            (0.02, self._approve),
            (0.01, self._define),
        )
        for _ in range(length):
            happen: Callable[[], None] = self._chance.choices(
                [each for _, each in happens], [weight for weight, _ in happens]
            )[0]
            happen()
        return self._made

    def _text(self, name: str, text: str | None) -> None:
        self._made.append(texts([(ID[name], self._now_s, text)]))

    def _put(self, rows: list[tuple[str, float, float, int]], source: str = "train1") -> None:
        if not rows:
            return
        time_ns = np.array([T0 + round(row[1] * SECOND) for row in rows], np.int64)
        self._made.append(
            SampleBatch(
                source,
                T0 + self._now_s * SECOND,
                np.array([ID[row[0]] for row in rows], np.uint32),
                time_ns,
                time_ns + SECOND if self._chance.random() < 0.5 else None,
                np.array([row[2] for row in rows], np.float64),
                np.array([row[3] for row in rows], np.uint32),
            )
        )

    def _begin(self) -> None:
        self._text("R101.BATCH", self._batch)
        self._text("R101.RECIPE", "API-1 v7")
        self._text("R101.STATE", "running")
        self._put([("R101.STEP", self._now_s, 20.0, 0)])

    def _samples(self) -> None:
        """Some ten seconds to a minute of all instruments, slowly moving, some of them ill."""
        step = self._chance.choice((2, 5, 10))
        rows, others = [], []
        for _ in range(self._chance.randrange(2, 8)):
            self._now_s += step
            for name in ("R101.TT", "R101.TT2", "R101.PT", "R101.W", "R101.LT", "R101.FT", "R101.TJ", "T201.LT"):
                rows += self._reading(name)
            others += self._reading("F1.PT")
            if self._chance.random() < 0.1:
                rows.append(("R101.TSP", self._now_s, self._chance.choice((59.0, 60.0, 61.0)), 0))
            if self._chance.random() < 0.05:
                rows.append(("T201.V", self._now_s, float(self._chance.random() < 0.8), 0))
        self._put(rows)
        self._put(others, "line2")

    def _reading(self, name: str) -> list[tuple[str, float, float, int]]:
        chance, ill = self._chance, self._ill.get(name, "")
        scale = 0.005 if name.endswith("PT") else 0.1
        if ill == "silent" or chance.random() < 0.05:
            return []
        if ill == "drifting":
            self._value[name] += scale
        elif ill != "stuck":
            self._value[name] += chance.gauss(0, scale) * (5 if ill == "noisy" else 1)
        if name == "R101.W":
            self._value[name] -= chance.choice((0.05, 0.1, 0.2))
        value, status = round(self._value[name], 3), 0
        if chance.random() < 0.02:
            value += chance.choice((-5.0, 5.0, 20.0, 100.0))
        if chance.random() < 0.01 or ill == "bad":
            status = chance.choice((BAD, BAD, UNCERTAIN))
        if chance.random() < 0.005:
            value = chance.choice((float("nan"), float("inf"), 1e300, -0.0))
        late_s = chance.choice((3, 20, 100)) + 0.5 if chance.random() < 0.03 else 0
        return [(name, self._now_s - late_s, value, status)]

    def _beat(self) -> None:
        more_s = self._chance.choice((0, 0, 1, 60))
        for source in ("train1", "line2"):
            connected = self._chance.random() < 0.95
            skew_ns = self._chance.choice((None, 0, 3 * SECOND, -SECOND, 30 * SECOND))
            self._made.append(Heartbeat(source, T0 + (self._now_s + more_s) * SECOND, connected, skew_ns=skew_ns))

    def _step(self) -> None:
        """Another phase, sometimes another batch, sometimes the phase is idle."""
        roll = self._chance.random()
        if roll < 0.15:
            self._number += 1
            self._batch = self._chance.choice(("", f"B-{self._number}", "B-1"))
            self._text("R101.BATCH", self._batch)
        elif roll < 0.25:
            self._text("R101.STATE", self._chance.choice(("running", "idle", "held", None)))
        elif roll < 0.3:
            self._text("R101.RECIPE", self._chance.choice(("API-1 v7", "API-1 v8", "API-2 v1", "API-1")))
        step = self._chance.choices((10.0, 20.0, 30.0, 90.0, 0.0, 77.0), (2, 6, 2, 1, 1, 1))[0]
        self._put([("R101.STEP", self._now_s + 0.25, step, 0)])

    def _fall_ill(self) -> None:
        name = self._chance.choice(("R101.TT", "R101.TT2", "R101.PT", "T201.LT", "F1.PT"))
        self._ill[name] = self._chance.choice(("", "", "silent", "drifting", "stuck", "noisy", "bad"))
        if not self._ill[name]:
            self._value[name] = {"R101.PT": 0.2, "F1.PT": 0.2, "T201.LT": 5.0}.get(name, 60.0)

    def _transfer(self) -> None:
        name = self._chance.choice(("T201.IN", "T201.OUT"))
        self._put([(name, self._now_s, float(self._chance.random() < 0.6), 0)])

    def _event(self) -> None:
        chance = self._chance
        kind = chance.choice(list(EventKind))
        names = chance.sample(("B-1", "B-2", "B-3", "B-4"), 3)
        kin = kind in (EventKind.SPLIT, EventKind.MERGE, EventKind.REWORK)
        time_ns = T0 + (self._now_s - chance.choice((0, 0, 0, 7, 400))) * SECOND
        self._made.append(
            BatchEvent(
                f"e{chance.randrange(60)}",
                chance.choice(("floor", "")),
                kind,
                time_ns,
                time_ns + SECOND,
                chance.choice(("F1", "F1", "F1", "R101", "TANK", "nowhere", "")),
                chance.choice(names[:2]),
                chance.choice(("load", "dry", "dry", "dose")),
                amount=chance.choice((None, Decimal("12.5"))),
                from_unit=chance.choice(("F1", "R101", "")),
                to_unit=chance.choice(("TANK", "T201", "F1")),
                parents=tuple(names[: 2 if kind is EventKind.MERGE else 1]) if kin else (),
                children=tuple(names[2:] if kind is not EventKind.SPLIT else names[1:]) if kin else (),
                material=self._papers.choice(("crude", "SM-1", "")),
                amount_unit=self._papers.choice(("kg", "kg", "g", "drum")),
                recipe=self._papers.choice(("", "", "API-1 v7", "API-1 v9")),
                corrects=self._papers.choice(("", "", "", f"e{self._papers.randrange(60)}")),
            )
        )

    def _gap(self) -> None:
        end_ns = self._chance.choice((None, T0 + (self._now_s + 5) * SECOND))
        tag = self._chance.choice((None, ID["R101.TT"], ID["T201.LT"]))
        start_ns = T0 + (self._now_s - 10) * SECOND
        name = f"gap-{self._chance.randrange(8)}"
        self._made.append(Gap(name, self._chance.choice(("train1", "line2")), tag, start_ns, end_ns, GapCause.UNKNOWN))

    def _act(self) -> None:
        chance = self._chance
        kind = chance.choice(
            (ActionKind.HOLD_START, ActionKind.HOLD_STOP, ActionKind.APPROVE_MODEL, ActionKind.COMMENT)
        )
        hold = f"{chance.choice((*HOLDS, 'none'))}/{chance.choice(('', 'B-1', 'B-2', 'B-9'))}"
        subject = chance.choice((FIT.hash, TUBE.hash, "0" * 64)) if kind is ActionKind.APPROVE_MODEL else hold
        person = chance.choice(("Ruth", "Iris"))
        until_ns = T0 + (self._now_s - chance.choice((0, 30, 300))) * SECOND
        self._made.append(
            PersonAction(f"a{len(self._made)}", T0 + self._now_s * SECOND, person, kind, subject, "seen", until_ns)
        )

    def _approve(self) -> None:
        version = self._chance.choice((7, 8, 9))
        proposer = self._chance.choice(("Ada", "Grace"))
        self._made.append(approval(replace(APPROVED, version=version), float(self._now_s), proposer=proposer))

    def _define(self) -> None:
        tag = self._chance.choice(TAGS)
        self._made.append(TagDefined(tag, T0 + self._now_s * SECOND))
