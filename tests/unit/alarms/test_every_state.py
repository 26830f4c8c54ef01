"""Every state that an alarm can reach, by everything that can happen to it: breadth first, with what must hold in each.

Time is counted in steps of a minute. What an alarm says depends on how long ago things were only as far as delays are
due, so a state is told apart by its facts, its members and what is left of its delays; there are finitely many.
"""

from collections import deque
from copy import copy
from dataclasses import dataclass, field, replace

import pytest

from alarms.book import AlarmBook
from domain.alarms import AlarmFacts, AlarmState, Transition
from domain.entries import NOWHERE, ActionKind, PersonAction
from domain.errors import Refused
from domain.findings import EquipmentState, Finding, FindingId, PhaseRecord, Stage
from domain.rules import AlarmClass, AlarmRule, Priority, Rulebook, Suppression, TagRules
from domain.time import MINUTE_NS

TAG = "R101.TT"
ALARM = "R101.TT~high"
NOR, PAR = "excursion.nor.high", "excursion.par.high"
SHELF_MIN = 1
RE_ALARM_MIN = 1

EVENTS = (
    *("NOR opens", "NOR clears", "PAR opens", "PAR clears"),
    *("acknowledge", "shelve", "unshelve", "out of service", "return to service", "reset", "comment"),
    *("maintenance begins", "maintenance ends", "cleaning begins", "cleaning ends"),
    *("a minute passes", "restart"),
)
NOT_OF_TIME = ("out of service", "return to service", "cleaning begins", "cleaning ends", "comment")
_DEEDS = {
    "acknowledge": ActionKind.ACKNOWLEDGE,
    "shelve": ActionKind.SHELVE,
    "unshelve": ActionKind.UNSHELVE,
    "out of service": ActionKind.OUT_OF_SERVICE,
    "return to service": ActionKind.RETURN_TO_SERVICE,
    "reset": ActionKind.RESET,
    "comment": ActionKind.COMMENT,
}


def rules(*, latching: bool = False, re_alarm: bool = False, dcs: str = "") -> Rulebook:
    """NOR has no class of its own kind; PAR is suppressed only by cleaning, which names it."""

    def rule(name: str, priority: Priority, dcs_alarm: str) -> AlarmRule:
        return AlarmRule("high", name, priority, alarm_class="walked", dcs_alarm=dcs_alarm)

    again_ns = RE_ALARM_MIN * MINUTE_NS if re_alarm else 0
    walked = AlarmClass("walked", re_alarm_ns=again_ns, re_alarm_unacknowledged_ns=2 * again_ns, latching=latching)
    return Rulebook(
        tags={TAG: TagRules(TAG, alarms=(rule(NOR, Priority.MEDIUM, dcs), rule(PAR, Priority.CRITICAL, "")))},
        classes={"walked": walked},
        suppressions=(
            Suppression("repair", frozenset({NOR}), equipment=("maintenance",)),
            Suppression("cleaning", frozenset({NOR, PAR}), phases=("clean",)),
        ),
    )


@dataclass
class World:
    """One alarm's book, what was committed of it, and what is so in the plant."""

    rulebook: Rulebook
    book: AlarmBook
    now: int = 1  # minutes
    ticked: int = 0
    count: int = 0
    open: dict[str, Finding] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    told: dict[str, EquipmentState | PhaseRecord] = field(default_factory=dict)
    newest: Transition | None = None

    def does(self, event: str) -> list[Transition] | None:
        """What is said of an event; None: it cannot happen now, or is refused."""
        self.count += 1
        subject, _, verb = event.partition(" ")
        if event == "a minute passes":
            self.now += 1
            self.ticked = self.now
            said = self.book.tick(self.now * MINUTE_NS)
        elif event == "restart":
            self.restart()
            said = []
        elif event in _DEEDS:
            return self._acts(_DEEDS[event])
        elif subject in ("NOR", "PAR"):
            rule = NOR if subject == "NOR" else PAR
            if (rule in self.open) is (verb == "opens"):
                return None
            said = self.book.apply(self._finding(rule))
        else:
            told = self._circumstance(subject, begins=verb == "begins")
            if told is None:
                return None
            said = self.book.apply(told)
        return self._took(said)

    def _took(self, said: list[Transition]) -> list[Transition]:
        self.newest = said[-1] if said else self.newest
        return said

    def _acts(self, kind: ActionKind) -> list[Transition] | None:
        now_ns = self.now * MINUTE_NS
        until_ns = now_ns + SHELF_MIN * MINUTE_NS
        action = PersonAction(f"a{self.count}", now_ns, "Ada", kind, ALARM, "seen", until_ns)
        try:
            return self._took(self.book.act(action)) or None
        except Refused:
            return None

    def _finding(self, rule: str) -> Finding:
        at_ns, known = self.now * MINUTE_NS, self.open.pop(rule, None)
        if known is None:
            id_ = FindingId(f"{rule} {self.count}")
            made = Finding(id_, 1, rule, TAG, Stage.OPEN, at_ns, None, at_ns, NOWHERE, rule, unit="R101")
            self.open[rule] = made
        else:
            made = replace(known, version=2, stage=Stage.CLEARED, end_ns=at_ns, at_ns=at_ns)
        self.findings[made.id] = made
        return made

    def _circumstance(self, what: str, *, begins: bool) -> EquipmentState | PhaseRecord | None:
        if self.is_so(what) is begins:
            return None
        at_ns = self.now * MINUTE_NS
        told: EquipmentState | PhaseRecord
        if what == "maintenance":
            told = EquipmentState("R101", "maintenance" if begins else "running", at_ns)
        elif begins:
            told = PhaseRecord(f"clean {self.count}", "R101", "", "clean", "", at_ns)
        else:
            known = self.told["cleaning"]
            assert isinstance(known, PhaseRecord)
            told = replace(known, end_ns=at_ns)
        self.told[what] = told
        return told

    def is_so(self, what: str) -> bool:
        match self.told.get(what):
            case EquipmentState(state=state):
                return state == "maintenance"
            case PhaseRecord(end_ns=end_ns):
                return end_ns is None
            case _:
                return False

    def restart(self) -> None:
        """Forget everything but what was committed."""
        newest = [] if self.newest is None else [self.newest]
        self.book = AlarmBook.rebuilt(
            self.rulebook, newest, self.findings.values(), self.ticked * MINUTE_NS, self.told.values()
        )

    @property
    def re_alarms(self) -> bool:
        return self.rulebook.classes["walked"].re_alarm_ns > 0

    @property
    def facts(self) -> AlarmFacts:
        return AlarmFacts() if self.newest is None else self.newest.facts

    def key(self) -> tuple[object, ...]:
        """What tells states apart: facts and conditions, with times as what is left of them."""
        said = self.newest
        asked = () if said is None or not self.re_alarms else (said.asked_ns, said.acknowledged_ns)
        ages = tuple(self._age(each) for each in asked)
        spoken = () if said is None else (said.priority, said.rule, said.asked_ns is None)
        until_ns = self.facts.shelved_until_ns
        left = None if until_ns is None else until_ns // MINUTE_NS - self.now
        facts = replace(self.facts, shelved_until_ns=left)
        return (facts, frozenset(self.open), self.is_so("maintenance"), self.is_so("cleaning"), spoken, ages)

    def _age(self, at_ns: int | None) -> int | None:
        """Minutes since then, as far as a re-alarm may still come of it."""
        return None if at_ns is None else min(self.now - at_ns // MINUTE_NS, 2 * RE_ALARM_MIN)

    def copy(self) -> "World":
        return World(
            self.rulebook,
            twin(self.book),
            self.now,
            self.ticked,
            self.count,
            dict(self.open),
            dict(self.findings),
            dict(self.told),
            self.newest,
        )


def twin(book: AlarmBook) -> AlarmBook:
    """A book that goes on by itself from here: copied by hand, for there are very many."""
    made, circumstances = copy(book), copy(book._circumstances)
    circumstances._units = dict(circumstances._units)
    circumstances._idle_due_ns = dict(circumstances._idle_due_ns)
    made._circumstances = circumstances
    made._due_ns, made._done = dict(book._due_ns), copy(book._done)
    made._alarms = {}
    for id_, alarm in book._alarms.items():
        other = made._alarms[id_] = copy(alarm)
        other._circumstances = circumstances
        other._members, other._left = dict(alarm._members), list(alarm._left)
        other._unjudged, other._over = set(alarm._unjudged), set(alarm._over)
    return made


def walked(
    rulebook: Rulebook, events: tuple[str, ...] = EVENTS
) -> list[tuple[World, World | None, str, list[Transition]]]:
    """Every state that can be reached, each by every event that leads to it: the world, the one before, what was said."""
    first = World(rulebook, AlarmBook(rulebook))
    seen = {first.key()}
    steps: list[tuple[World, World | None, str, list[Transition]]] = [(first, None, "", [])]
    waiting = deque([first])
    while waiting:
        before = waiting.popleft()
        for event in events:
            world = before.copy()
            said = world.does(event)
            if said is None:
                continue
            steps.append((world, before, event, said))
            if world.key() not in seen:
                seen.add(world.key())
                waiting.append(world)
        assert len(seen) < 20_000, "the states are finite"
    return steps


@pytest.fixture(scope="module", params=["plain", "latching", "re-alarm", "told by the DCS"])
def steps(request: pytest.FixtureRequest) -> list[tuple[World, World | None, str, list[Transition]]]:
    match request.param:
        case "latching":
            return walked(rules(latching=True))
        case "re-alarm":  # its states differ by minutes too: without what differs no more by them
            return walked(rules(re_alarm=True), tuple(each for each in EVENTS if each not in NOT_OF_TIME))
        case "told by the DCS":
            return walked(rules(dcs="TIC101.HI"))
        case _:
            return walked(rules())


Steps = list[tuple[World, World | None, str, list[Transition]]]


def test_every_state_of_the_standard_is_reached(steps: Steps) -> None:
    states = {world.facts.state for world, _, _, _ in steps}
    latching = any(world.facts.latched for world, _, _, _ in steps)
    without = AlarmState.RETURNED_UNACKNOWLEDGED if latching else AlarmState.LATCHED
    is_whole = any(event == "out of service" for _, _, event, _ in steps)

    assert states == set(AlarmState) - {without} - (set() if is_whole else {AlarmState.OUT_OF_SERVICE})


def test_a_book_that_was_rebuilt_says_the_same(steps: Steps) -> None:
    seen = set()
    for world, _, event, _ in steps:
        if world.key() in seen:
            continue
        seen.add(world.key())
        again = world.copy()
        again.restart()
        assert again.book.alarms() == world.book.alarms(), event
        for next_event in EVENTS[:-1]:
            one, other = world.copy(), again.copy()
            assert one.does(next_event) == other.does(next_event), (event, next_event)


def test_what_is_active_is_what_the_plant_says(steps: Steps) -> None:
    for world, _, event, _ in steps:
        assert world.facts.active is bool(world.open), event


def test_only_a_person_acknowledges_and_putting_away_loses_no_acknowledgement(steps: Steps) -> None:
    for world, before, event, said in steps:
        if before is None or not said:
            continue
        if world.facts.acknowledged and not before.facts.acknowledged:
            assert event in ("acknowledge", "unshelve"), event
            assert (world.newest or said[-1]).person == "Ada"
        if event in ("shelve", "out of service", "maintenance begins", "cleaning begins", "comment"):
            assert world.facts.acknowledged == before.facts.acknowledged or said[-1].what == "unsuppressed", event


def test_acknowledging_never_ends_what_is_wrong(steps: Steps) -> None:
    for world, before, event, _ in steps:
        if event == "acknowledge" and before is not None:
            assert (world.facts.active, world.open) == (before.facts.active, before.open)


def test_a_shelf_always_ends(steps: Steps) -> None:
    for world, _, event, _ in steps:
        until_ns = world.facts.shelved_until_ns
        if until_ns is not None:
            assert world.now * MINUTE_NS < until_ns <= (world.now + SHELF_MIN) * MINUTE_NS, event


def test_a_shelf_that_ends_by_itself_asks_again_and_one_that_is_taken_away_does_not(steps: Steps) -> None:
    for _, _, event, said in steps:
        for each in said:
            if each.what != "unshelved":
                continue
            if each.person:
                assert each.facts.acknowledged, event
                assert not each.announces
            elif each.facts.active and not (each.facts.suppressed or each.facts.out_of_service):
                assert not each.facts.acknowledged
                assert each.announces or each.is_told_by_dcs


def test_suppression_is_as_the_circumstances_say_and_never_hides_what_it_does_not_name(steps: Steps) -> None:
    for world, _, event, _ in steps:
        named_by_repair = set(world.open) <= {NOR} and world.is_so("maintenance")
        expected = bool(world.open) and (world.is_so("cleaning") or named_by_repair)
        assert world.facts.suppressed is expected, event
        assert bool(world.facts.suppressed_by) is expected
        if PAR in world.open and not world.is_so("cleaning"):
            assert world.newest is not None
            assert (world.newest.rule, world.newest.priority) == (PAR, Priority.CRITICAL)


def test_nothing_is_silent_for_ever(steps: Steps) -> None:
    """What is active and not put away was asked of people as it is; what is put away has an end or a reason by name."""
    for world, _, event, _ in steps:
        facts, said = world.facts, world.newest
        if said is None or not facts.active:
            continue
        if not facts.is_put_away:
            assert said.asked_ns is not None, event
        if not facts.is_put_away and facts.acknowledged:
            assert said.acknowledged_ns is not None, "somebody has answered"
        if facts.suppressed:
            assert facts.suppressed_by


def test_what_is_put_away_announces_nothing_and_all_else_that_is_new_does(steps: Steps) -> None:
    for _, before, event, said in steps:
        for each in said:
            if each.facts.is_put_away or each.what in ("returned", "eased", "commented", "acknowledged"):
                assert not each.announces, event
            elif each.what in ("activated", "severity", "realarmed"):
                assert each.announces is not each.is_told_by_dcs, event
            if each.announces:
                assert each.facts.active
                assert not each.facts.acknowledged
        if event == "restart" and before is not None:
            assert said == [], "a restart is no news"


def test_what_is_taken_back_shows_what_is_below(steps: Steps) -> None:
    """Whoever answered before it was put away, and was asked about it as it is, is not asked again."""
    for world, before, event, said in steps:
        if before is None or event not in ("return to service", "maintenance ends", "cleaning ends") or not said:
            continue
        if world.facts.is_put_away or not world.facts.active:
            continue
        assert before.newest is not None
        was_answered = before.facts.acknowledged and before.newest.asked_ns is not None
        assert world.facts.acknowledged is was_answered, event


def test_the_control_system_sounds_once_for_both(steps: Steps) -> None:
    for _, _, _, said in steps:
        for each in said:
            if each.dcs_alarm:
                assert each.rule == NOR, "the link is that of the range, not of what is worse"
                assert not each.announces


def test_what_is_latched_stays_until_it_is_over_acknowledged_and_reset(steps: Steps) -> None:
    for world, before, event, _ in steps:
        if before is not None and before.facts.latched and not world.facts.latched:
            assert event == "reset"
            assert not before.facts.active
            assert before.facts.acknowledged


def test_nobody_is_asked_twice_within_the_re_alarm_time(steps: Steps) -> None:
    for world, before, event, said in steps:
        for each in said:
            if each.what == "realarmed":
                assert event == "a minute passes"
                assert before is not None
                assert before.newest is not None
                since_ns = before.newest.acknowledged_ns or before.newest.asked_ns
                assert since_ns is not None
                assert each.at_ns - since_ns >= RE_ALARM_MIN * MINUTE_NS
                assert not world.facts.acknowledged
