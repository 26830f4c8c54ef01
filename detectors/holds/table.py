"""Everything that waits, as one table for people."""

from dataclasses import asdict, dataclass

from detectors.cases import Json
from detectors.holds.budgets import Account, Live
from detectors.holds.measures import Measures
from detectors.holds.saying import Saying
from detectors.holds.stays import Stay, Waiting
from domain.entries import RowPosition
from domain.holds import Budget


@dataclass(frozen=True, slots=True)
class Row:
    """One stay that runs, as of a heartbeat. Times in ns, ours; `counted` is what of it counts against the limit."""

    hold: str
    unit: str
    batch: str
    started_ns: int | None  # None: nobody recorded it
    as_of_ns: int
    elapsed_min_ns: int
    elapsed_max_ns: int | None
    counted_min_ns: int
    counted_max_ns: int | None
    outside_min_ns: int | None  # of its condition
    outside_max_ns: int | None
    left_ns: int | None  # in the worst case; negative: over
    runs_out_ns: int | None  # if all goes on as it does

    def as_json(self) -> Json:
        """Its fields by name."""
        return asdict(self)


def row_of(waiting: Waiting, stay: Stay, measures: Measures, saying: Saying, now_ns: int, position: RowPosition) -> Row:
    """How a stay stands."""
    hold = waiting.hold
    now = measures.now(stay.start.source, now_ns, position)
    lasted, used = measures.lasted(stay, now), measures.used(hold, stay, now)
    outside = None if hold.condition is None else measures.outside(hold, stay, now)
    left_ns = None if hold.limit_ns is None or used.high_ns is None else hold.limit_ns - used.high_ns
    return Row(
        hold.name,
        hold.unit,
        stay.batch,
        stay.start.time_ns if stay.knows_start else None,
        now_ns,
        lasted.low_ns,
        lasted.high_ns,
        used.low_ns,
        used.high_ns,
        None if outside is None else outside.low_ns,
        None if outside is None else outside.high_ns,
        left_ns,
        saying.forecast_ns(hold, used, now_ns),
    )


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """What a batch that waits has used of a budget, as of a heartbeat. Times in ns; `of` is each hold's part."""

    budget: str
    unit: str
    batch: str
    as_of_ns: int
    used_min_ns: int
    used_max_ns: int | None  # None: a start is missing, so nobody can say
    inherited_min_ns: int
    inherited_max_ns: int | None
    limit_ns: int
    left_ns: int | None  # in the worst case; negative: over
    of: tuple[tuple[str, int, int | None, bool], ...]  # hold, least, most, whether it runs; in order of time

    def as_json(self) -> Json:
        """Its fields by name."""
        return asdict(self)


def budget_row_of(budget: Budget, batch: str, account: Account, live: list[Live], now_ns: int) -> BudgetRow:
    """How a batch stands with a budget."""
    total = account.total([each.spent for each in live])
    ended = [(part, spent, False) for part, spent in account.parts.items()]
    running = [(each.part, each.spent, True) for each in live]
    stays = sorted([*ended, *running], key=lambda each: each[0][1:])
    return BudgetRow(
        budget.name,
        live[-1].unit,
        batch,
        now_ns,
        *total,
        *account.inherited,
        budget.limit_ns,
        None if total.high_ns is None else budget.limit_ns - total.high_ns,
        tuple((part[0], *spent, runs) for part, spent, runs in stays),
    )
