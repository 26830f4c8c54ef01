"""Row `alarm_book`: transitions per CPU-second of the alarm book, against a state machine library.

The plant: 1,000 alarms, each of which leaves NOR and then its validated range, is acknowledged, comes back into the
validated range and then into NOR: activated, worse, acknowledged, eased, returned. A tick goes with every moment. Each
transition of ours has its texts, its facts and its id, and is what is told and kept.

The peer is one `transitions.Machine` with an object per alarm and the states of ISA-18.2, triggered five times likewise:
what a control room writes in an afternoon. It has no delays, shelves, texts, severities, history or replay.
"""

import statistics
import time
from collections.abc import Sequence

from transitions import Machine

from alarms.book import AlarmBook
from domain.entries import NOWHERE, ActionKind, PersonAction
from domain.findings import Finding, FindingId, Stage
from domain.rules import Rulebook
from domain.time import SECOND_NS

ALARMS, ROUNDS, REPETITIONS = 1_000, 10, 5
PER_ROUND = 5
T0 = 1_760_000_400 * SECOND_NS


def run() -> dict[str, dict[str, object]]:
    """Measure both in turns; the medians make the row."""
    moments = [moment for round_ in range(ROUNDS) for moment in _round(round_)]
    ours, peer = [], []
    for _ in range(REPETITIONS):
        ours.append(_ours(moments))
        peer.append(_peer())
    figure, other = statistics.median(ours), statistics.median(peer)
    note = (
        f"median of {REPETITIONS}, interleaved; {ALARMS:,} alarms, {ROUNDS} times activated, worse, acknowledged, eased, "
        f"returned; peer: transitions.Machine, states alone"
    )
    row = {"ours": figure, "peer": other, "ratio": figure / other, "unit": "transitions per CPU-second", "note": note}
    return {"alarm_book": row}


Moment = tuple[int, Sequence[Finding], Sequence[PersonAction]]


def _round(round_: int) -> list[Moment]:
    begin_ns = T0 + round_ * 10 * SECOND_NS
    times = [begin_ns + step * SECOND_NS for step in range(PER_ROUND)]
    nor, validated = "excursion.nor.high", "excursion.validated.high"
    return [
        (times[0], [_finding(nor, alarm, round_, Stage.OPEN, times[0]) for alarm in range(ALARMS)], ()),
        (times[1], [_finding(validated, alarm, round_, Stage.OPEN, times[1]) for alarm in range(ALARMS)], ()),
        (times[2], (), [_action(alarm, round_, times[2]) for alarm in range(ALARMS)]),
        (times[3], [_finding(validated, alarm, round_, Stage.CLEARED, times[3]) for alarm in range(ALARMS)], ()),
        (times[4], [_finding(nor, alarm, round_, Stage.CLEARED, times[4]) for alarm in range(ALARMS)], ()),
    ]


def _finding(rule: str, alarm: int, round_: int, stage: Stage, at_ns: int) -> Finding:
    over = stage is Stage.CLEARED
    tag = f"R{alarm // 20}.T{alarm % 20}"
    id_ = FindingId(f"{rule}/{tag}/{round_}")
    end_ns = at_ns if over else None
    message = f"{tag} is 62.4 degC, above 62"
    return Finding(
        id_, 1 + over, rule, tag, stage, at_ns, end_ns, at_ns, NOWHERE, message, unit=tag[: tag.index(".")], batch="B-1"
    )


def _action(alarm: int, round_: int, at_ns: int) -> PersonAction:
    id_ = f"R{alarm // 20}.T{alarm % 20}~high"
    return PersonAction(f"{id_}/{round_}", at_ns, "Ada", ActionKind.ACKNOWLEDGE, id_, "seen")


def _ours(moments: Sequence[Moment]) -> float:
    book = AlarmBook(Rulebook())
    said = 0
    started_s = time.process_time()
    for at_ns, findings, actions in moments:
        said += len(book.apply(*findings))
        said += sum(len(book.act(action)) for action in actions)
        said += len(book.tick(at_ns))
    used_s = time.process_time() - started_s
    assert said == ALARMS * ROUNDS * PER_ROUND, said
    return said / used_s


class _Alarm:
    """What the library gives states to."""


def _peer() -> float:
    alarms = [_Alarm() for _ in range(ALARMS)]
    Machine(
        alarms,
        states=["NORM", "UNACK", "ACKED", "RTNUN"],
        initial="NORM",
        transitions=[
            ["activate", ["NORM", "RTNUN"], "UNACK"],
            ["worsen", ["UNACK", "ACKED"], "UNACK"],
            ["acknowledge", "UNACK", "ACKED"],
            ["acknowledge", "RTNUN", "NORM"],
            ["ease", ["UNACK", "ACKED"], "="],
            ["leave", "ACKED", "NORM"],
            ["leave", "UNACK", "RTNUN"],
        ],
    )
    started_s = time.process_time()
    for _ in range(ROUNDS):
        for trigger in ("activate", "worsen", "acknowledge", "ease", "leave"):
            for alarm in alarms:
                getattr(alarm, trigger)()
    used_s = time.process_time() - started_s
    assert all(alarm.state == "NORM" for alarm in alarms)  # type: ignore[attr-defined]  # the library adds it
    return ALARMS * ROUNDS * PER_ROUND / used_s
