"""Whatever happens in whatever order, the alarm book keeps its promises."""

from dataclasses import dataclass, field, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from alarms.book import AlarmBook
from domain.alarms import AlarmFacts, AlarmState, Transition
from domain.entries import NOWHERE, ActionKind, PersonAction
from domain.errors import Refused
from domain.findings import Finding, FindingId, Stage
from domain.rules import AlarmRule, Priority, Rulebook, TagRules
from domain.time import SECOND_NS

TAGS = ("R101.TT", "R 101/PT")  # the second needs a slug
RULES = (
    *("excursion.nor.high", "excursion.validated.high", "excursion.par.high", "excursion.nor.low", "bad", "stale"),
    *("drift.ewma", "drift.cusum", "phase.expectation"),
)
HINTS = RULES[-3:]
KINDS = tuple(ActionKind)


def rulebook(on_s: int, off_s: int, bad_s: int) -> Rulebook:
    def rule(name: str, on_delay_s: int, off_delay_s: int, priority: Priority) -> AlarmRule:
        return AlarmRule(name, name, priority, on_delay_s * SECOND_NS, off_delay_s * SECOND_NS)

    alarms = (
        rule("excursion.nor.high", on_s, off_s, Priority.LOW),
        rule("excursion.validated.high", off_s, on_s, Priority.HIGH),
        rule("bad", bad_s, bad_s, Priority.MEDIUM),
        rule("stale", 0, 0, Priority.EVENT),
    )
    return Rulebook(tags={tag: TagRules(tag, alarms=alarms) for tag in TAGS})


@dataclass
class World:
    """Plays steps on one book, or on several that must agree; time never goes back."""

    rules: Rulebook
    book: AlarmBook = field(init=False)
    steps: int = 0
    now_s: int = 0
    ticked_s: int = 0
    open: dict[tuple[str, str], Finding] = field(default_factory=dict)
    newest_findings: dict[str, Finding] = field(default_factory=dict)
    log: list[Transition] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.book = AlarmBook(self.rules)

    def play(self, step: tuple[object, ...]) -> list[Transition]:
        """Do one step; the transitions that follow from it."""
        self.steps += 1
        self.now_s += step[1]  # type: ignore[operator]  # every step's second item is a pause in seconds
        match step:
            case ("tick", _):
                self.ticked_s = self.now_s
                said = self.book.tick(self.now_s * SECOND_NS)
            case ("finding", _, str(tag), str(rule), int(lag_s)):
                said = self.book.apply(self._finding(tag, rule, lag_s))
            case ("act", _, int(place), ActionKind() as kind, int(until_s)):
                said = self._act(place, kind, until_s)
            case _:
                raise AssertionError(step)
        self.log += said
        return said

    def _finding(self, tag: str, rule: str, lag_s: int) -> Finding:
        """The next stage of the finding of that rule: open, then ended or cleared, then a new one."""
        known = self.open.get((tag, rule))
        at_ns = self.now_s * SECOND_NS
        if known is None:
            onset_ns = max(0, self.now_s - lag_s) * SECOND_NS
            id_ = FindingId(f"{rule}/{tag}/{self.now_s}/{len(self.newest_findings)}")
            made = Finding(id_, 1, rule, tag, Stage.OPEN, onset_ns, None, at_ns, NOWHERE, f"{rule} on {tag}")
            made = replace(made, evidence={"side": "high"} if rule in HINTS else {})
        elif known.stage is Stage.OPEN and lag_s % 2:
            made = replace(known, version=known.version + 1, stage=Stage.ENDED, end_ns=at_ns, at_ns=at_ns)
        else:
            end_ns = at_ns if known.end_ns is None else known.end_ns
            made = replace(known, version=known.version + 1, stage=Stage.CLEARED, end_ns=end_ns, at_ns=at_ns)
        if made.stage is Stage.CLEARED:
            del self.open[tag, rule]
        else:
            self.open[tag, rule] = made
        self.newest_findings[made.id] = made
        return made

    def _act(self, place: int, kind: ActionKind, until_s: int) -> list[Transition]:
        alarms = sorted({each.alarm for each in self.log}) or ["nothing~high"]
        now_ns = self.now_s * SECOND_NS
        action = PersonAction(
            f"a{self.steps}", now_ns, "Ann", kind, alarms[place % len(alarms)], "why", now_ns + until_s * SECOND_NS
        )
        try:
            return self.book.act(action)
        except Refused:
            return []

    def newest(self) -> dict[str, Transition]:
        return {each.alarm: each for each in self.log}

    def restart(self) -> None:
        """Forget everything but what was committed."""
        self.book = AlarmBook.rebuilt(
            self.rules, self.newest().values(), self.newest_findings.values(), self.ticked_s * SECOND_NS
        )


pauses = st.integers(0, 12)
steps = st.one_of(
    st.tuples(st.just("tick"), pauses),
    st.tuples(st.just("finding"), pauses, st.sampled_from(TAGS), st.sampled_from(RULES), st.integers(0, 5)),
    st.tuples(st.just("act"), pauses, st.integers(0, 9), st.sampled_from(KINDS), st.integers(1, 40)),
)
histories = st.lists(steps, max_size=40)
rulebooks = st.builds(rulebook, st.integers(0, 10), st.integers(0, 10), st.integers(0, 10))


@settings(max_examples=100, deadline=None)
@given(rulebooks, histories)
def test_numbers_run_on_and_facts_follow_from_what_happened(rules: Rulebook, history: list[tuple[object, ...]]) -> None:
    world = World(rules)
    before: dict[str, Transition] = {}
    for step in history:
        for said in world.play(step):
            last = before.get(said.alarm)
            assert said.number == (1 if last is None else last.number + 1)
            assert said.id == f"{said.alarm}.{said.number}"
            assert said.facts == follows(last, said)
            before[said.alarm] = said

    shown = {each.alarm for each in world.book.alarms()}
    assert shown == {each.alarm for each in before.values() if each.facts.state is not AlarmState.NORMAL}


def follows(last: Transition | None, said: Transition) -> AlarmFacts:
    """The facts that a transition must leave, written once more and from the outside."""
    facts = AlarmFacts() if last is None else last.facts
    match said.what:
        case "activated" | "severity":
            assert facts.active is (said.what == "severity")
            return asked(replace(facts, active=True), said)
        case "returned":
            assert facts.active
            return replace(facts, active=False)
        case "acknowledged":
            assert not facts.acknowledged
            return replace(facts, acknowledged=True)
        case "shelved":
            assert last is not None
            covered = Priority.EVENT if last.rule in HINTS else last.priority
            return replace(facts, shelved_until_ns=said.facts.shelved_until_ns, shelved_priority=covered)
        case "unshelved":
            assert facts.shelved_until_ns is not None
            facts = replace(facts, shelved_until_ns=None, shelved_priority=None)
            if said.person:
                return replace(facts, acknowledged=True)
            return asked(facts, said) if facts.active else facts
        case "eased" | "commented":
            return facts
        case "out_of_service":
            return replace(facts, out_of_service=True)
        case "returned_to_service":
            assert last is not None
            facts = replace(facts, out_of_service=False)
            is_answered = facts.acknowledged and last.asked_ns is not None
            return facts if is_answered or not facts.active else asked(facts, said)
        case other:
            raise AssertionError(other)


def asked(facts: AlarmFacts, said: Transition) -> AlarmFacts:
    """Whoever has to respond: nobody while it is out of service; a shelf ends where it is worse than what is on it."""
    if facts.out_of_service:
        return facts
    worse = facts.shelved_priority is not None and said.priority < facts.shelved_priority
    if facts.shelved_priority is Priority.EVENT:  # a shelf made of a hint covers hints
        worse = said.rule not in HINTS
    facts = replace(facts, acknowledged=False)
    return replace(facts, shelved_until_ns=None, shelved_priority=None) if worse else facts


@settings(max_examples=100, deadline=None)
@given(rulebooks, histories)
@example(rulebook(0, 1, 0), [*2 * [("finding", 0, TAGS[0], RULES[0], 0)], ("finding", 1, TAGS[0], "drift.ewma", 0)])
def test_who_leaves_a_range_is_told_whatever_hints_there_are(
    rules: Rulebook, history: list[tuple[object, ...]]
) -> None:
    """Each excursion's alarm is as severe as without any hint, and hints never put an end to it."""
    with_hints, without = World(rules), World(rules)
    for step in history:
        if step[0] == "act":
            continue
        is_hint = step[0] == "finding" and step[3] in HINTS
        without.play(("tick", step[1]) if is_hint else step)
        for said in with_hints.play(step):
            if said.what == "activated" and said.rule in HINTS:
                assert not is_outside(without, said.alarm)
        if is_hint:
            with_hints.play(("tick", 0))
        for alarm in without.book.alarms():
            now = next(each for each in with_hints.book.alarms() if each.alarm == alarm.alarm)
            if alarm.facts.active:
                assert (now.facts.active, now.rule, now.priority) == (True, alarm.rule, alarm.priority)


def is_outside(world: World, alarm: str) -> bool:
    """Whether the range of a side was left; a hint of the other side is another alarm."""
    return any(each.facts.active and each.alarm == alarm for each in world.book.alarms())


OVER_WITHIN_ITS_OFF_DELAY = 2 * [("finding", 0, TAGS[0], "excursion.nor.high", 0)]


@settings(max_examples=100, deadline=None)
@given(rulebooks, histories, st.sets(st.integers(0, 39), max_size=3))
@example(rulebook(0, 0, 1), [("finding", 0, TAGS[0], "bad", 0), ("finding", 0, TAGS[0], "bad", 0)], {2})
@example(rulebook(0, 1, 0), [*OVER_WITHIN_ITS_OFF_DELAY, ("act", 1, 0, ActionKind.ACKNOWLEDGE, 1)], {3})
@example(rulebook(0, 9, 0), [*OVER_WITHIN_ITS_OFF_DELAY, ("tick", 1), ("tick", 1)], {3})
@example(rulebook(9, 0, 0), [("finding", 0, TAGS[0], "excursion.nor.high", 0), ("tick", 2), ("tick", 9)], {2})
def test_a_book_rebuilt_from_what_was_committed_goes_on_as_if_it_had_never_stopped(
    rules: Rulebook, history: list[tuple[object, ...]], stops: set[int]
) -> None:
    uninterrupted, stopped = World(rules), World(rules)
    for place, step in enumerate(history):
        if place in stops:
            stopped.restart()
        assert stopped.play(step) == uninterrupted.play(step)

    stopped.restart()
    end = ("tick", 1_000)
    assert stopped.play(end) == uninterrupted.play(end)


@settings(max_examples=100, deadline=None)
@given(rulebooks, histories)
def test_once_all_is_over_and_acknowledged_every_alarm_is_normal(
    rules: Rulebook, history: list[tuple[object, ...]]
) -> None:
    world = World(rules)
    for step in history:
        world.play(step)
    for tag, rule in [*world.open, *world.open]:
        if (tag, rule) in world.open:
            world.play(("finding", 1, tag, rule, 0))
    world.play(("tick", 100))
    for alarm in world.newest():
        now_ns = world.now_s * SECOND_NS
        back = PersonAction(f"back {alarm}", now_ns, "Ann", ActionKind.RETURN_TO_SERVICE, alarm, "repaired")
        world.log += world.book.act(back)
        world.log += world.book.act(PersonAction(f"over {alarm}", now_ns, "Ann", ActionKind.ACKNOWLEDGE, alarm, "over"))

    assert world.book.alarms() == []
    assert all(not each.facts.active for each in world.newest().values())
