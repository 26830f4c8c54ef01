"""What was decided on the small plant: a batch with its phases, alarms of several kinds, and a hold that runs."""

from dataclasses import replace

from api.dependencies import BudgetRun, Dependencies, HoldRun
from domain.alarms import AlarmFacts, Transition
from domain.findings import PhaseRecord
from domain.holds import Budget, Hold, HoldKind
from domain.rules import Priority
from domain.time import HOUR_NS, MINUTE_NS, SECOND_NS
from tests.acceptance.influxql.plant import END_NS, NOW_NS, START_NS
from tests.fakes import RecordsInMemory

_UP, _TAKEN = AlarmFacts(active=True, acknowledged=False), AlarmFacts(active=True, acknowledged=True)
_OVER = AlarmFacts()

PHASES = [
    PhaseRecord("p1", "R1", "B-1", "heat", "API-1 v7", START_NS - HOUR_NS, START_NS + HOUR_NS),
    PhaseRecord("p2", "R1", "B-1", "dose", "API-1 v7", START_NS + HOUR_NS, START_NS + 2 * HOUR_NS),
    PhaseRecord("p3", "R1", "B-2", "heat", "API-1 v7", END_NS),
    PhaseRecord("p4", "R 2", "B-1", "dry", "API-1 v7", START_NS + HOUR_NS, None),
]


def transitions() -> list[Transition]:
    """The pressure chatters three times in a minute, the temperature is acknowledged and returns, one is an event."""
    made: list[Transition] = []

    def tell(alarm: str, at_ns: int, what: str, facts: AlarmFacts, priority: Priority, occurrence: int) -> None:
        number = sum(one.alarm == alarm for one in made) + 1
        subject = alarm.partition("/")[0]
        made.append(
            Transition(
                f"{alarm}#{number}", alarm, number, at_ns, what, facts, priority, "excursion.validated.high", subject,
                f"{subject} high", f"{subject} is above its range", "R1", "B-1", "dose", person="Ada" if what == "acknowledged" else "",
                comment="seen" if what == "acknowledged" else "", occurrence=occurrence, since_ns=at_ns,
            )
        )  # fmt: skip

    for occurrence in (1, 2, 3):
        at_ns = START_NS + HOUR_NS + occurrence * 20 * SECOND_NS
        tell("R1.PT/high", at_ns, "activated", _UP, Priority.LOW, occurrence)
        tell("R1.PT/high", at_ns + 5 * SECOND_NS, "returned", _OVER, Priority.LOW, occurrence)
    tell("R1.PT/event", START_NS + HOUR_NS + 61 * SECOND_NS, "activated", _OVER, Priority.EVENT, 1)
    began_ns = START_NS + HOUR_NS + 2 * MINUTE_NS
    tell("R1.TT/high", began_ns, "activated", _UP, Priority.HIGH, 1)
    tell("R1.TT/high", began_ns + 3 * MINUTE_NS, "acknowledged", _TAKEN, Priority.HIGH, 1)
    tell("R1.TT/high", began_ns + 10 * MINUTE_NS, "returned", _OVER, Priority.HIGH, 1)
    tell("R1.TT/high", NOW_NS - 30 * MINUTE_NS, "activated", _UP, Priority.CRITICAL, 2)
    return made


def decided(deps: Dependencies) -> Dependencies:
    """The same plant with what was decided on it."""
    assert isinstance(deps.records, RecordsInMemory)
    deps.records.all_transitions = transitions()
    deps.records.all_phases = {phase.instance: phase for phase in PHASES}
    held = Hold("crude", HoldKind.INTERMEDIATE, "R1", "heat.end", "dose.start", 4 * HOUR_NS)
    budgets = {"wet": Budget("wet", 10 * HOUR_NS)}
    rulebook = replace(deps.rulebook, holds={"crude": held}, budgets=budgets)
    run = HoldRun(
        "crude", "R1", "B-1", START_NS, as_of_ns=NOW_NS, elapsed_min_ns=3 * HOUR_NS, elapsed_max_ns=3 * HOUR_NS + SECOND_NS,
        left_ns=HOUR_NS - SECOND_NS, runs_out_ns=START_NS + 4 * HOUR_NS,
    )  # fmt: skip
    used = BudgetRun("wet", "R1", "B-1", NOW_NS, 2 * HOUR_NS, 3 * HOUR_NS, 0, 0, 10 * HOUR_NS, 7 * HOUR_NS)
    return replace(deps, rulebook=rulebook, holds=lambda: [run], budgets=lambda: [used])


def busy(deps: Dependencies) -> Dependencies:
    """The same with one of everything that a dashboard counts: shelved, old, breached, and what nobody can tell."""
    deps = decided(deps)
    assert isinstance(deps.records, RecordsInMemory)
    first = deps.records.all_transitions[0]
    shelf = AlarmFacts(active=True, acknowledged=True, shelved_until_ns=NOW_NS + HOUR_NS)
    for alarm, facts, ago in (("T7/shelved", shelf, HOUR_NS), ("T7/old", _TAKEN, 30 * HOUR_NS)):
        at_ns = NOW_NS - ago
        more = replace(first, id=f"{alarm}#1", alarm=alarm, name=alarm, facts=facts, at_ns=at_ns, since_ns=at_ns)
        deps.records.all_transitions.append(more)
    other = replace(first, id="R2.XV/x#1", alarm="R2.XV/x", unit="R 2", at_ns=END_NS, since_ns=END_NS)
    deps.records.all_transitions.append(other)
    names = {"over": START_NS - 8 * HOUR_NS, "unknown": None}
    held = {
        name: Hold(name, HoldKind.INTERMEDIATE, "R1", "heat.end", "dose.start", 4 * HOUR_NS)
        for name in ("crude", *names)
    }
    runs = [*deps.holds(), *(HoldRun(name, "R1", "B-1", started, as_of_ns=NOW_NS) for name, started in names.items())]
    return replace(deps, rulebook=replace(deps.rulebook, holds=held), holds=lambda: runs)
