"""Rows of a condition's tag that change nothing are taken at once: what is said is that of each row by itself."""

from dataclasses import dataclass

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from detectors.bank import Bank
from detectors.holds.calm import Calm
from detectors.holds.strips import Strip
from domain.entries import Entry, Gap, GapCause, Heartbeat, Position, Rejudge
from domain.status import BAD
from tests.properties.test_late_holds import BEFORE, rules
from tests.unit.detectors.plant import IN, LT, OUT, TAGS, at, batch
from tests.unit.detectors.record import rows_as_of

values = st.sampled_from([1.0, 2.0, 5.0, 5.0, 5.0, 8.0, 9.0, 9.0, 9.0, 12.0]) | st.floats(0, 12)
row = st.tuples(values, st.sampled_from([0] * 9 + [BAD]), st.sampled_from([1] * 9 + [-5]))


@dataclass(frozen=True)
class Step:
    kind: str
    rows: list[tuple[float, int, int]]
    flag: bool


kinds = st.sampled_from(["rows"] * 9 + ["beat"] * 4 + ["silent", "in", "out", "gap", "judge", "restart"])
steps = st.lists(st.builds(Step, kinds, st.lists(row, min_size=1, max_size=4), st.booleans()), min_size=15, max_size=60)


def entries_of(given_steps: list[Step]) -> list[Entry | str]:
    """What is fed: each row is a second after the one before it, or some seconds before that one."""
    now, on = 0, {IN: False, OUT: False}
    made: list[Entry | str] = [*BEFORE, batch([(IN, -1, 1.0)]), batch([(IN, -0.5, 0.0)])]
    for number, step in enumerate(given_steps):
        if step.kind == "rows":
            fed = []
            for value, status, moves in step.rows:
                now += 1
                fed.append((LT, now + min(moves, 0) + 0.5, value, status))
            made.append(batch(fed))
        elif step.kind in ("in", "out"):
            tag = IN if step.kind == "in" else OUT
            on[tag] = not on[tag]
            made.append(batch([(tag, now + 0.7, float(on[tag]))]))
        elif step.kind == "gap":
            begin, end = (now, now + 3) if step.flag else (now - 3, now - 1)
            made.append(Gap(f"g{number}", "train1", LT, at(begin), at(end), GapCause.UNKNOWN))
        elif step.kind in ("beat", "silent"):
            made.append(Heartbeat("train1", at(now + 0.9), connected=step.kind == "beat"))
        else:
            made.append(step.kind)
    return [*made, Heartbeat("train1", at(now + 5), connected=True), "judge"]


def told(fed: list[Entry | str]) -> list[object]:
    bank = Bank(rules(), TAGS)
    said: list[object] = []
    record: list[Entry] = []
    for entry in fed:
        if entry == "restart":
            before, bank = bank, Bank(rules(), TAGS)
            bank.restore(before.snapshot())
        elif entry == "judge":
            for asked in bank.rechecks_asked():
                record.append(Rejudge(asked.tag, asked.start_ns, asked.end_ns))
                said += bank.rejudge(Position(len(record)), record[-1], rows_as_of(record, Position(len(record))))
        else:
            record.append(entry)
            said += bank.update(Position(len(record)), entry)
            said.append(bank.running_holds())
    return said


@settings(deadline=None, max_examples=60, phases=(Phase.explicit, Phase.generate))
@given(steps)
def test_rows_that_change_nothing_are_taken_as_each_by_itself(given_steps):
    fed = entries_of(given_steps)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Calm, "begin", lambda *_: None)  # takes no row at once
        row_by_row = told(fed)

    assert told(fed) == row_by_row


def test_the_rows_of_a_quiet_hold_are_taken_at_once(monkeypatch):
    alone = []
    take = Strip.take

    def counted(self: Strip, time_ns: int, value: float, *, is_proven: bool) -> None:
        alone.append(time_ns)
        take(self, time_ns, value, is_proven=is_proven)

    monkeypatch.setattr(Strip, "take", counted)
    quiet = [batch([(LT, second + 0.5, 5.0)]) for second in range(100)]
    bank = Bank(rules(), TAGS)
    for number, entry in enumerate([*BEFORE, batch([(IN, 0, 1.0)]), *quiet], start=1):
        bank.update(Position(number), entry)

    assert len(set(alone)) == 1
