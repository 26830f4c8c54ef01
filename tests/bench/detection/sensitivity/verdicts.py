"""What counts as found in a cell, and why a cell is not found where it is not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.rules import TagRules
from service.bench.bounds import share
from tests.bench.detection.sensitivity.cells import Cell, Pattern
from tests.bench.detection.sensitivity.fold import Copy
from tests.bench.detection.sensitivity.tanks import HoldCell, HoldTold


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the table: how often of how many, with exact bounds; what told it, how soon, and why not."""

    pattern: str
    tag: str
    size: str
    lasts: str
    found: int
    repeats: int
    at_least: float
    at_most: float
    median_s: float | None
    rules: Mapping[str, int]
    must: bool | None
    why: str

    @property
    def held(self) -> bool | None:
        """Whether what was asked of the cell was so in every repeat; None: nothing was asked."""
        if self.must is None:
            return None
        return self.found == (self.repeats if self.must else 0)


def is_found(cell: Cell, copy: Copy) -> bool:
    """Whether what was told of a copy means its pattern. Of a near miss only a breach of the validated range counts."""
    if cell.pattern is Pattern.NEAR_MISS:
        return any(rule.startswith(("excursion.validated", "excursion.par")) for rule in copy.rules)
    if cell.pattern is Pattern.LATE:  # that something was missing is not what was in it
        return copy.recheck or any(rule.startswith("excursion") for rule in copy.rules)
    return bool(copy.rules)


def row_of(cell: Cell, copies: Sequence[Copy], rules: TagRules | None) -> Row:
    """Count one cell."""
    found = [copy for copy in copies if is_found(cell, copy)]
    proven = share(len(found), len(copies))
    delays = [copy.first_s for copy in found if copy.first_s is not None]
    lasts = f"{cell.lasts_s / 60:g} min" if cell.lasts_s else "one reading"
    size = f"{cell.size.sigmas:g} times" if cell.pattern is Pattern.VARIANCE else str(cell.size)
    told = Counter(_kind(rule) for copy in found for rule in sorted({_kind(each) for each in copy.rules}))
    told.update({"judged again": sum(copy.recheck for copy in found)} if cell.pattern is Pattern.LATE else {})
    misses = cell.must is not False and len(found) < len(copies)
    return Row(
        cell.pattern.value,
        "TT, PT, AT" if cell.pattern is Pattern.CORRELATED else cell.tag,
        size,
        lasts,
        len(found),
        len(copies),
        proven.at_least,
        proven.at_most,
        float(np.median(delays)) if delays and cell.pattern is not Pattern.LATE else None,
        dict(told),
        cell.must,
        _why(cell, rules) if misses else "",
    )


def hold_row(cell: HoldCell, told: Sequence[HoldTold]) -> Row:
    """Count one cell of holds: breaches, or that an end is missing."""
    wanted = "hold.breach" if cell.begins else "hold.indeterminate"
    found = [each for each in told if wanted in each.rules]
    proven = share(len(found), len(told))
    delays = [each.after_limit_s for each in found if each.after_limit_s is not None]
    pattern, _, lasts = cell.name.partition(", ")
    rules = Counter(rule for each in found for rule in each.rules)
    why = "" if cell.must is False or len(found) == len(told) else "it was over before the next heartbeat"
    return Row(pattern, "tank", "", lasts, len(found), len(told), proven.at_least, proven.at_most,
               float(np.median(delays)) if delays else None, dict(rules), cell.must, why)  # fmt: skip


def _kind(rule: str) -> str:
    """A rule without its side."""
    return rule.removesuffix(".high").removesuffix(".low")


def _why(cell: Cell, rules: TagRules | None) -> str:
    """The class of a miss: what the rules of the tag cannot see, by their own definition."""
    drift = None if rules is None else rules.drift
    if cell.pattern is Pattern.VARIANCE:
        return "the mean stays where it is, and too few readings go far"
    if cell.pattern in (Pattern.FROZEN, Pattern.DROPOUT):
        return "shorter than what is usual on this tag"
    if cell.pattern is Pattern.SPIKE:
        return "one reading within NOR"
    if cell.size.percent is not None:
        return "the instrument's lag keeps the reading within NOR" if cell.lasts_s < 300 else "within NOR by its noise"
    if drift is None:
        return "within NOR, and no drift rule is configured for this tag"
    if cell.pattern is Pattern.OSCILLATION:
        return "within NOR, and as often above as below: the chart's windows take the mean"
    windows = cell.lasts_s * 1_000_000_000 // drift.every_ns
    return f"within NOR, and {windows} windows of the drift chart are few for this size"
