"""Holds against a reference that counts second by second, and every check of the port on holds of every mode."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from detectors.bank import Bank
from domain.entries import Gap, GapCause, Heartbeat
from domain.findings import Stage
from domain.holds import Budget, Condition, Hold, HoldKind, HoldMode, Storage
from domain.shifts import Shifts
from tests.checks.detector import CHECKS, found_detectors, maker
from tests.unit.detectors.plant import (
    BAD,
    HOLDS,
    HOUR,
    IN,
    MINUTE,
    OUT,
    R101,
    SECOND,
    T0,
    T201,
    TAGS,
    TT,
    Plant,
    at,
    batch,
    of_rule,
    rulebook,
)
from tests.unit.detectors.streams import stream

LIMIT = 6.0  # of the condition; the values of samples are 0, 4, 8 and 12, so that every crossing is at a whole second
ABOVE = Condition("R101.TT", None, LIMIT)
MODES = {
    "wall": {},
    "in_condition": {"mode": HoldMode.IN_CONDITION, "condition": ABOVE},
    "counting": {"mode": HoldMode.IN_CONDITION, "condition": ABOVE, "counts_in_condition": True},
    "over_temperature": {"mode": HoldMode.OVER_TEMPERATURE, "condition": ABOVE},
}


def hold(name: str, **changed: object) -> Hold:
    made = {"start": "first_transfer_in", "stop": "last_transfer_out", "limit_ns": 0, **changed}
    return Hold(name, HoldKind.INTERMEDIATE, "T201", **made)  # type: ignore[arg-type]


@dataclass
class Reference:
    """What happened, and what follows from it, by counting seconds."""

    samples: list[tuple[int, float | None]] = field(default_factory=list)  # None: Bad
    gaps: list[tuple[int, int]] = field(default_factory=list)
    start: int | None = None
    stop: int | None = None
    ignores_stops: bool = False
    done: list[tuple[int, int]] = field(default_factory=list)

    def transfer(self, now: int, tag: int, *, on: bool) -> None:
        if tag == IN and on:
            if self.start is None or self.stop is not None:
                self._finish()
                self.start, self.stop, self.ignores_stops = now, None, False
        elif tag == OUT and not on:
            if self.start is not None and self.stop is None and not self.ignores_stops:
                self.stop = now
            elif self.start is None:
                self.ignores_stops = True
        elif tag == OUT and on and self.stop is not None:
            self.stop = None

    def _finish(self) -> None:
        if self.start is not None and self.stop is not None:
            self.done.append((self.start, self.stop))

    def second(self, k: int, known_until: int) -> str:
        """How the second from k to k + 1 was: in, out, blind; or held in, held out behind the last sample."""
        proven = [(t, v) for t, v in self.samples if v is not None and t <= known_until]
        before = [each for each in proven if each[0] <= k]
        after = [each for each in proven if each[0] > k]
        if not before:
            return "blind"
        (t0, v0) = before[-1]
        t1 = after[0][0] if after else known_until
        hidden = [s for s in range(t0, t1) if self._hidden(s, t0)]
        if not after:
            return "blind" if k in hidden else "held out" if v0 > LIMIT else "in"
        v1 = after[0][1]
        if hidden and (v0 > LIMIT) != (v1 > LIMIT):
            return "blind" if k >= hidden[0] else "out" if v0 > LIMIT else "in"
        if k in hidden:
            return "blind"
        if hidden:
            return "out" if v0 > LIMIT else "in"
        return "out" if v0 + (v1 - v0) * (k + 0.5 - t0) / (t1 - t0) > LIMIT else "in"

    def _hidden(self, second: int, since: int) -> bool:
        bad = any(v is None and since <= t <= second for t, v in self.samples)
        return bad or any(start <= second < end for start, end in self.gaps)

    def outside(self, start: int, stop: int, known_until: int) -> tuple[int, int]:
        how = [self.second(k, known_until) for k in range(start, stop)]
        low = how.count("out")
        return low, low + how.count("blind") + how.count("held out")

    def counted(self, mode: str, start: int, stop: int, known_until: int) -> tuple[int, int]:
        if mode in ("wall", "in_condition"):
            return stop - start, stop - start
        low, high = self.outside(start, stop, known_until)
        if mode == "over_temperature":
            return low, high
        return stop - start - high, stop - start - low


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sample"), st.sampled_from([0.0, 4.0, 8.0, 12.0])),
        st.tuples(st.just("sample"), st.sampled_from([0.0, 4.0, 8.0, 12.0, None])),
        st.tuples(st.just("transfer"), st.tuples(st.sampled_from([IN, OUT]), st.booleans())),
        st.tuples(st.just("gap"), st.integers(1, 4)),
        st.tuples(st.just("beat"), st.none()),
    ),
    min_size=12,
    max_size=25,
)


@pytest.mark.parametrize("mode", list(MODES))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.generate),
)
@given(
    steps=STEPS,
    spans=st.lists(st.integers(1, 5), min_size=25, max_size=25),
    cut=st.integers(0, 25),
    starts=st.booleans(),
)
# Perhaps above since its start, as its tag was last; a row behind its stop proves that it never was.
@example(
    steps=[("sample", 8.0), ("transfer", (IN, True)), ("beat", None), ("transfer", (OUT, True)), ("sample", 0.0)],
    spans=[1, 5, 2, 2, 1] + [1] * 20,
    cut=25,
    starts=False,
)
# The same, told by a row while it runs: it is not over its limit after all, and a heartbeat says so.
@example(
    steps=[("sample", 8.0), ("transfer", (IN, True)), ("beat", None), ("sample", 0.0), ("beat", None)],
    spans=[1, 5, 1, 1, 1] + [1] * 20,
    cut=3,
    starts=False,
)
def test_every_figure_is_that_of_the_reference(mode, steps, spans, cut, starts):
    plant = Plant(rulebook(units={"T201": T201}, holds={"h": hold("h", **MODES[mode])}, tags={}, recipes={}))
    seen = Reference()
    last = {IN: 0.0, OUT: 0.0}
    plant.samples((IN, 0, 0.0), (OUT, 0, 0.0))
    now = 0
    if starts:
        seen.transfer(now, IN, on=True)
        plant.samples((IN, now, 1.0))
        last[IN] = 1.0
    for number, ((kind, what), span) in enumerate(zip(steps, spans, strict=False)):
        now += 4 * span
        if number == cut:
            said = plant.said
            plant = plant.restarted()
            plant.said = said
        if kind == "sample":
            seen.samples.append((now, what))
            plant.feed(batch([(TT, now, what or 0.0, 0 if what is not None else BAD)]))
        elif kind == "transfer":
            tag, on = what
            if last[tag] != float(on):
                last[tag] = float(on)
                seen.transfer(now, tag, on=on)
                plant.samples((tag, now, float(on)))
        elif kind == "gap":
            seen.gaps.append((now - what, now))
            plant.feed(Gap(f"g{number}", "train1", TT, at(now - what), at(now), GapCause.UNKNOWN))
        else:
            plant.beat(now)
            rows = plant.detector.running_holds()
            running = seen.start is not None and seen.stop is None
            assert len(rows) == running
            if running:
                low, high = seen.counted(mode, seen.start, now, now)
                assert (rows[0].counted_min_ns, rows[0].counted_max_ns) == (low * SECOND, high * SECOND)
                assert rows[0].elapsed_min_ns == rows[0].elapsed_max_ns == (now - seen.start) * SECOND
                assert is_open(plant.said) == (high > 0)
    # Whatever still runs ends here, and the condition is known up to its end.
    if seen.start is not None and seen.stop is None:
        now += 4
        if not last[OUT]:
            seen.transfer(now, OUT, on=True)
            plant.samples((OUT, now, 1.0))
        now += 4
        seen.transfer(now, OUT, on=False)
        plant.samples((OUT, now, 0.0))
    if seen.start is not None:
        now += 4
        seen.samples.append((now, 0.0))
        plant.samples((TT, now, 0.0))
        low, high = seen.counted(mode, seen.start, seen.stop, now)
        ended = [each for each in of_rule(plant.said, "hold.breach") if each.evidence["stopped_ns"] == at(seen.stop)]
        assert not is_open(plant.said)
        # A breach in the worst case, that is none by what is known at the end, says so.
        assert all(("withdrawn" in each.evidence) == (high == 0) for each in ended)
        if ended or high:
            told = ended[-1].evidence
            bounds = (
                told.get("counted_min_ns", told["elapsed_min_ns"]),
                told.get("counted_max_ns", told["elapsed_max_ns"]),
            )
            assert bounds == (low * SECOND, high * SECOND)


def is_open(said):
    """Whether a breach is open."""
    return any(each.stage is Stage.OPEN for each in {each.id: each for each in of_rule(said, "hold.breach")}.values())


EVERY = {
    **HOLDS,
    **{name: hold(name, limit_ns=20 * MINUTE, **each) for name, each in MODES.items()},
    "range": hold(
        "range", limit_ns=HOUR, mode=HoldMode.IN_CONDITION, condition=Condition("R101.TT", 21.0, 61.0), budget="all"
    ),
    "end": hold("end", limit_ns=None, mode=HoldMode.ENDPOINT, warn_after_ns=(MINUTE, HOUR)),
    "store": hold("store", limit_ns=HOUR, storage=Storage("R101.TT", HOUR), warn_before_ns=(30 * MINUTE,)),
    "used": Hold("used", HoldKind.STEP, "R101", "charge.end", "cool.start", 2 * MINUTE, budget="all"),
    "clean": Hold("clean", HoldKind.CLEAN, "R101", "cleaning_end", "first_use_start", HOUR, budget="all"),
}
RULES = rulebook(
    units={"R101": R101, "T201": T201},
    holds=EVERY,
    budgets={"all": Budget("all", 10 * MINUTE, (5 * MINUTE,))},
    shifts=Shifts("UTC", (0, 6 * 3600, 14 * 3600, 22 * 3600), ((0, 0),)),
    tags={},
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), length=st.integers(1, 60))
@example(seed=592, length=25)  # two parameters outside at once, again, and touching what was said before
def test_holds_of_every_mode_pass_the_check(check, seed, length):
    (kind,) = [each for each in found_detectors() if each.__name__ == "Bank"]

    check(maker(kind, RULES, TAGS), stream(seed, length), seed)


def test_the_streams_make_every_rule_of_holds_speak():
    said = set()
    for seed in range(12):
        bank = Bank(RULES, TAGS)
        for number, entry in enumerate(stream(seed), start=1):
            said |= {getattr(each, "rule", "") for each in bank.update(number, entry)}
        bank.update(99, Heartbeat("train1", T0 + 999 * HOUR, connected=True))

    assert {f"hold.{each}" for each in ("warning", "breach", "indeterminate", "out_of_condition", "record")} <= said
