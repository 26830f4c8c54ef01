"""Amounts that events told of a batch, and the yield that follows from them: fractions, never binary floats."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from detectors.cases import Evidence
from domain.amounts import factor
from domain.recipes import ExpectedYield

_DIGITS = 12
_SHOWN = 2  # digits of a percentage; more where it would look like the limit that it is beyond
_MOST_NAMED = 16


@dataclass(frozen=True, slots=True)
class Amount:
    """What one event told; `ids` are the source and the id of the events that it corrects, and its own as the last."""

    ids: tuple[tuple[str, str], ...]
    is_charge: bool
    place: str  # where it goes in, or from where it leaves
    material: str
    amount: Decimal | None
    unit: str

    @property
    def words(self) -> str:
        """The event and its amount."""
        return f"{self.ids[-1][1]}: {self.amount} {self.unit}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One yield of one batch. `side` is low, high, indeterminate, or empty: as expected."""

    side: str
    evidence: Evidence
    product: str = ""
    percent: str = ""
    theoretical: str = ""
    why: str = ""  # nobody can tell


def outcome_of(expected: ExpectedYield, amounts: Sequence[Amount], unknown: str) -> Outcome:
    """Judge a yield; `unknown` says why amounts may be missing that nobody told us."""
    out = [each for each in amounts if not each.is_charge and each.material == expected.product]
    out = [each for each in out if not expected.leaves or each.place in expected.leaves]
    per = expected.per
    charged = [each for each in amounts if each.is_charge and per is not None and each.material == per.material]
    why = unknown or _fault(out, expected.unit, f"transfer of {expected.product}")
    places = sorted({each.place for each in out})
    if not why and not expected.leaves and len(places) > 1:
        why = f"{expected.product} left {' and '.join(each or 'an unnamed unit' for each in places)}"
    if not why and per is not None:
        why = _fault(charged, per.unit, f"charge of {per.material}")
        why = why or ("" if _sum(charged, per.unit) else f"nothing of {per.material} was charged")
    evidence = _evidence(expected, out, charged)
    if why:
        return Outcome("indeterminate", {**evidence, "why": why}, why=why)
    product, theoretical = _sum(out, expected.unit), Fraction(expected.theoretical)
    if per is not None:
        theoretical *= _sum(charged, per.unit) / Fraction(per.amount)
    percent = 100 * product / theoretical
    low, high = (None if each is None else Fraction(each) for each in (expected.low_percent, expected.high_percent))
    side = "low" if low is not None and percent < low else "high" if high is not None and percent > high else ""
    told = (rounded(product), _percent(percent, low if side == "low" else high), rounded(theoretical))
    figures = dict(zip(("product", "percent", "theoretical"), told, strict=True))
    return Outcome(side, {**evidence, **figures}, *told)


def _fault(amounts: Sequence[Amount], unit: str, what: str) -> str:
    """Why a sum cannot be made."""
    if not amounts:
        return f"no {what} was told"
    for each in amounts:
        if each.amount is None:
            return f"event {each.ids[-1][1]}, a {what}, tells no amount"
        if factor(each.unit, unit) is None:
            return f"{each.unit} of event {each.ids[-1][1]} cannot be converted to {unit}"
    return ""


def _sum(amounts: Sequence[Amount], unit: str) -> Fraction:
    return sum(
        (Fraction(each.amount) * (factor(each.unit, unit) or 0) for each in amounts if each.amount is not None),
        Fraction(0),
    )


def _evidence(expected: ExpectedYield, out: Sequence[Amount], charged: Sequence[Amount]) -> dict[str, str | None]:
    """What it was computed from; decimals as they were written."""
    low, high, per = expected.low_percent, expected.high_percent, expected.per
    told: dict[str, str | None] = {
        "material": expected.product,
        "unit": expected.unit,
        "limit_low_percent": None if low is None else str(low),
        "limit_high_percent": None if high is None else str(high),
        "study": expected.study or None,
        "product_from": _named(out),
    }
    if per is not None:
        told |= {"charged_from": _named(charged), "per": f"{per.amount} {per.unit} of {per.material}"}
    return told


def _named(amounts: Sequence[Amount]) -> str:
    more = len(amounts) - _MOST_NAMED
    return "; ".join(each.words for each in amounts[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def rounded(value: Fraction, digits: int = _DIGITS) -> str:
    """A number that is not negative in decimals, half of the last one rounded up; no zeros behind it."""
    scaled = value * 10**digits
    text = str((2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}".rstrip("0").rstrip(".")


def _percent(percent: Fraction, limit: Fraction | None) -> str:
    """A percentage, with the digits that it needs not to look like the limit."""
    for digits in range(_SHOWN, _DIGITS):
        text = rounded(percent, digits)
        if limit is None or percent == limit or Fraction(text) != limit:
            return text
    return rounded(percent)


def words_of(batch: str, expected: ExpectedYield, outcome: Outcome, version: str) -> str:
    """The sentence for people."""
    low, high, unit = expected.low_percent, expected.high_percent, expected.unit
    if outcome.why:
        return f"Nobody can tell the yield of {expected.name} of batch {batch}: {outcome.why}."
    gave = (
        f"Batch {batch} gave {outcome.product} {unit} of {expected.product}, "
        f"{outcome.percent} % of {outcome.theoretical} {unit}"
    )
    if not outcome.side:
        sides = " to ".join(str(each) for each in (low, high) if each is not None)
        return f"{gave}: as expected ({sides} %, {version})."
    below = outcome.side == "low"
    return f"{gave}: {'below' if below else 'above'} the expected {low if below else high} % ({version})."
