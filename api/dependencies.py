"""What the HTTP interface stands on: ports and a few facts, handed over by the one who wires the program."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from api.front import LOOPBACK_HOSTS, Front
from api.stream import Feed
from domain.approvals import Standing
from domain.batch_report import BatchReport, Disposition
from domain.entries import Quarantined
from domain.figures import Reading
from domain.identity import IdentityProvider, Proofs
from domain.links import Links
from domain.people import PeopleDesk, SessionRules
from domain.performance import Episode, Performance, PositionNow, Positions
from domain.ports import Clock, HistoryReader, JournalReader, Person, RecordsReader, Signer
from domain.range_desk import RangeDesk
from domain.recipes import Recipe
from domain.review import ReviewRules
from domain.review_content import Sealed
from domain.rules import Rulebook, SuppressionNow
from domain.signatures import Shown
from domain.telling import AmountFault, any_unit


@dataclass(frozen=True, slots=True)
class HoldRun:
    """A hold that runs, or ended not long ago; `hold` names it in the rulebook.

    The bounds are as of `as_of_ns`, a heartbeat's time; `counted` is what of the time counts against the limit,
    `left_ns` what is left in the worst case, `runs_out_ns` when it is over if all goes on as it does.
    """

    hold: str
    unit: str
    batch: str
    started_ns: int | None  # None: nobody saw the start, so the hold is indeterminate
    stopped_ns: int | None = None
    as_of_ns: int | None = None
    elapsed_min_ns: int | None = None
    elapsed_max_ns: int | None = None
    counted_min_ns: int | None = None
    counted_max_ns: int | None = None
    outside_min_ns: int | None = None
    outside_max_ns: int | None = None
    left_ns: int | None = None
    runs_out_ns: int | None = None


@dataclass(frozen=True, slots=True)
class BudgetRun:
    """What a batch that waits has used of a budget, as of a heartbeat.

    `of` has a row for each hold that counts to it: its name, the least and the most in ns, and whether it runs.
    """

    budget: str
    unit: str
    batch: str
    as_of_ns: int
    used_min_ns: int
    used_max_ns: int | None  # None: a start is missing, so nobody can say
    inherited_min_ns: int
    inherited_max_ns: int | None
    limit_ns: int
    left_ns: int | None
    of: Sequence[tuple[str, int, int | None, bool]] = ()


@dataclass(frozen=True, slots=True)
class TextRow:
    """One value of a tag that holds text."""

    time_ns: int
    value: str | None
    status: int


@dataclass(frozen=True, slots=True)
class Telling:
    """One telling of a rota: how long after the first, and to which names and channels that leads at this moment."""

    after_ns: int
    names: tuple[str, ...]
    channels: tuple[str, ...]
    number: int = 0  # 0: the first


@dataclass(frozen=True, slots=True)
class RotaTold:
    """Who a rota tells now and why, and how its calendar stands. Times are the wall's; `since_ns` may be unknown."""

    name: str
    zone: str
    priority: str
    on_duty: tuple[str, ...]
    is_fallback: bool
    fallback: str
    since_ns: int | None
    until_ns: int | None
    next: tuple[str, ...]  # who is on duty after that; empty: nobody
    tellings: tuple[Telling, ...]
    repeat_ns: int | None
    rounds: int
    returned: bool  # it also goes on when the alarm has returned
    uncovered: tuple[tuple[int, int], ...]
    calendar_good_ns: int | None
    calendar_problem: str


@dataclass(frozen=True, slots=True)
class AddresseeTold:
    """A person or channel that is told by itself: from which priority on, through what, and what keeps it quiet."""

    name: str
    kind: str  # person | channel
    priority: str  # empty: never by itself
    channels: tuple[str, ...]
    quiet: str = ""


@dataclass(frozen=True, slots=True)
class StepTold:
    """A telling that waits for its time, and is dropped when somebody acknowledges by then."""

    notice: str
    title: str
    transition: str
    rota: str
    number: int
    names: tuple[str, ...]
    due_ns: int


@dataclass(frozen=True, slots=True)
class DutyTold:
    """Who would be told now, and why."""

    at_ns: int
    rotas: tuple[RotaTold, ...] = ()
    addressees: tuple[AddresseeTold, ...] = ()
    waiting: tuple[StepTold, ...] = ()


def no_duty() -> DutyTold:
    """Stand in where nobody is configured to be told."""
    return DutyTold(0)


class TextReader(Protocol):
    """The past of tags that hold text. Calls block: never on an event loop."""

    def read(self, tag: int, start_ns: int, end_ns: int, limit: int) -> Sequence[TextRow]:
        """Rows with start ≤ time < end in time order, at most `limit`."""
        ...


class Span(Protocol):
    """A time that has a name, such as a week."""

    @property
    def name(self) -> str:
        """`2026-W47`."""
        ...

    @property
    def start_ns(self) -> int:
        """Its first moment."""
        ...

    @property
    def end_ns(self) -> int:
        """The first moment after it."""
        ...


class Measures(Protocol):
    """How the alarm system behaves. Calls block: never on an event loop."""

    @property
    def positions(self) -> Positions:
        """The operator positions whose load is measured."""
        ...

    def now(self, now_ns: int) -> Sequence[PositionNow]:
        """What each position has to deal with."""
        ...

    def episodes(self, start_ns: int, end_ns: int) -> Sequence[Episode]:
        """Alarms that followed one another, what began last first."""
        ...

    def performance(self, start_ns: int, end_ns: int, position: str | None) -> Performance:
        """Every measure of a time."""
        ...

    def week(self, name: str) -> Span:
        """The week of that name by the plant's clock; Refused if there is none."""
        ...

    def newest_weeks(self, now_ns: int, most: int) -> Sequence[Span]:
        """The weeks up to the one that runs, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class SetPointStep:
    """From when on a set point had a value; None: it was not proven."""

    time_ns: int
    value: float | None


def no_steps(tag: int, start_ns: int, end_ns: int) -> Sequence[SetPointStep]:
    """Stand in where nobody follows set points: none is proven."""
    del tag, end_ns
    return (SetPointStep(start_ns, None),)


def nothing_quarantined(limit: int) -> Sequence[Quarantined]:
    """Stand in where nobody keeps refused messages."""
    del limit
    return ()


def no_figures() -> Sequence[Reading]:
    """Stand in where the core reports no figures."""
    return ()


def nothing_recorded() -> Mapping[str, int]:
    """Stand in where nobody counts the record's rows."""
    return {}


def always_ready() -> tuple[bool, str]:
    """Stand in where nothing has to start first."""
    return True, "ready"


def no_holds() -> Sequence[HoldRun]:
    """Stand in where nobody follows running holds; those with a finding are shown all the same."""
    return ()


def no_budgets() -> Sequence[BudgetRun]:
    """Stand in where nobody follows budgets; those with a finding are told as findings all the same."""
    return ()


def no_standings(now_ns: int) -> Sequence[Standing]:
    """Stand in where there are no recipes."""
    del now_ns
    return ()


def nothing_settled(requests: Sequence[str]) -> Mapping[str, str]:
    """Stand in where nobody tells how a request ended; what it changed is seen all the same."""
    del requests
    return {}


def no_core() -> None:
    """Stand in where no core waits to be woken; it polls."""


class Reviews(Protocol):
    """What the review of batches stands on. Calls block, some for seconds: never on an event loop."""

    @property
    def rules(self) -> ReviewRules:
        """What a disposition may say."""
        ...

    def report(self, batch: str, position: int | None = None, deeds: int | None = None) -> BatchReport:
        """The report of a batch, as of now or of then. Refused: nothing is known of it, or not as of there."""
        ...

    def pictures(self, report: BatchReport) -> Sequence[str]:
        """The trends of its critical parameters, as SVG."""
        ...

    def versions(self, batch: str) -> Mapping[str, int]:
        """The findings of a batch that need a disposition, each with its newest version."""
        ...

    def signatures(self, report: BatchReport, content: Sealed) -> Sequence[Shown]:
        """The signatures that a report knows of, each beside the content as the report has it."""
        ...

    def dispose(self, given: Disposition, origin: str) -> None:
        """Keep what a person said of a finding, with its entry in the audit trail: from which address."""
        ...

    def exported(self, id_: str, at_ns: int, person: Person, batch: str, what: str) -> None:
        """Note in the audit trail that somebody took a copy."""
        ...


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Addresses of our dashboards in Grafana: the plant's, and what a batch's begins with, up to its name."""

    plant: str
    batch: str


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything the HTTP interface asks of others.

    Readers and callables may block and are called from several threads, never from the event loop; `wake_core` and
    `clock` alone are called there, and do not block.

    `allowed_hosts` are the names by which a browser may call this service (without port); None lets any name in, for a
    service behind a proxy that checks it. `reading_open`: whoever reaches the port may look. `people` lets people in
    by their passwords (None: by tokens alone), `provider` by another system. `front` says what stands before it.
    `wake_core` tells the core that a person's request waits. `quarantine` returns the newest refused messages, newest
    first. `settled` tells of requests of people, by their ids, which the core has answered: why it refused one, empty
    where it was done. `standings` tells which version of each product's ranges is in force at a time, and what waits;
    `set_points` tells the steps of a set point's tag from a time to another, the first of them at the start, as the
    detectors judge by them; `influx_databases` are the names by which InfluxQL may ask for the record: the mirrors'
    buckets beside our own, so that a data source of Grafana is turned from one to the other by its address;
    `judging` returns every recipe that judges or judged (None: those of the files); `amount_fault` judges the units
    of amounts that are told.
    """

    site: str
    version: str
    clock: Clock
    history: HistoryReader
    journal: JournalReader
    records: RecordsReader
    feed: Feed
    rulebook: Rulebook = field(default_factory=Rulebook)
    wake_core: Callable[[], None] = no_core
    figures: Callable[[], Sequence[Reading]] = no_figures
    ready: Callable[[], tuple[bool, str]] = always_ready
    holds: Callable[[], Sequence[HoldRun]] = no_holds
    budgets: Callable[[], Sequence[BudgetRun]] = no_budgets
    record: Callable[[], Mapping[str, int]] = nothing_recorded
    quarantine: Callable[[int], Sequence[Quarantined]] = nothing_quarantined
    settled: Callable[[Sequence[str]], Mapping[str, str]] = nothing_settled
    standings: Callable[[int], Sequence[Standing]] = no_standings
    judging: Callable[[], Sequence[Recipe]] | None = None
    set_points: Callable[[int, int, int], Sequence[SetPointStep]] = no_steps
    texts: TextReader | None = None
    measures: Measures | None = None
    amount_fault: AmountFault = any_unit
    influx_databases: tuple[str, ...] = ("thermowell",)
    grafana: Elsewhere | None = None
    links: Links | None = None  # None: messages have none
    duty: Callable[[], DutyTold] = no_duty
    suppressions: Callable[[], Sequence[SuppressionNow]] = tuple  # RetryLater: nobody knows
    wall_ns: Callable[[], int] = time.time_ns
    zone: str = "UTC"  # whose clock the pages show
    allowed_hosts: frozenset[str] | None = LOOPBACK_HOSTS
    reading_open: bool = True
    people: PeopleDesk | None = None
    session_rules: SessionRules = field(default_factory=SessionRules)
    provider: IdentityProvider | None = None
    front: Front = field(default_factory=Front)
    signing: Signer | None = None
    proofs: Proofs | None = None
    ranges: RangeDesk | None = None
    reviews: Reviews | None = None
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    @property
    def simulated(self) -> bool:
        """Whether everything shown comes from a simulated plant."""
        return self.clock.simulated

    def recipes(self) -> Sequence[Recipe]:
        """Every recipe that judges or judged; blocks."""
        return tuple(self.rulebook.recipes.values()) if self.judging is None else self.judging()

    @property
    def approval(self) -> str:
        """What approved the ranges that judge; `off` means: nobody did."""
        return self.rulebook.approval
