"""What was watched, as labels: the same words and times whoever asks."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from domain.time import SECOND_NS
from simulators.truth.excursions import SHORTEST_S, Excursion
from simulators.truth.fault_watch import Followed
from simulators.truth.holds import Holds, Stay
from simulators.truth.labels import Label, LabelKind

_BEYOND: Final = {"low": "below", "high": "above"}


@dataclass(frozen=True, slots=True)
class Noted:
    """An excursion, and where it happened."""

    excursion: Excursion
    number: int  # of this kind and side on this tag, from 1
    tag: str
    plant_unit: str  # of measure
    unit: str
    batch: str
    phase: str
    sigma: float  # of the tag's instrument


@dataclass(frozen=True, slots=True)
class Teller:
    """Makes labels of what was noted up to `second`; `start_ns` is the plant's origin."""

    start_ns: int
    second: int

    def ns(self, second: float) -> int:
        """A second of the campaign as UTC ns."""
        return self.start_ns + round(second * SECOND_NS)

    def _end(self, second: float | None) -> int | None:
        return None if second is None else self.ns(second)

    def excursion(self, noted: Noted) -> Label:
        """One excursion; hidden where it was too brief or too small for anybody."""
        each = noted.excursion
        hidden = each.lasted_s(self.second) < SHORTEST_S or each.furthest < noted.sigma
        furthest = each.limit + (each.furthest if each.side == "high" else -each.furthest)
        return Label(
            kind=LabelKind.OUTSIDE,
            id=f"{each.what} {noted.tag} {noted.number}",
            what=each.what,
            subject=noted.tag,
            unit=noted.unit,
            onset_ns=self.ns(each.onset_s),
            end_ns=self._end(each.end_s),
            batch=noted.batch,
            phase=noted.phase,
            visible_ns=None if hidden else self.ns(each.onset_s),
            seen_on=() if hidden else (noted.tag,),
            hidden=hidden,
            because=f"{noted.tag} went to {furthest:.6g} {noted.plant_unit}, its limit is {each.limit:.6g}",
        )

    def fault(self, fault: Followed, names: tuple[str, ...]) -> Label:
        """One occasion of a fault."""
        watch = fault.watch
        traced = fault.end_s is not None and watch.last_seen_s is not None and watch.last_seen_s > fault.end_s
        return Label(
            kind=LabelKind.FAULT,
            id=fault.spec.id,
            what=fault.spec.kind,
            subject=fault.spec.target,
            unit=fault.unit,
            onset_ns=self.ns(fault.onset_s),
            end_ns=self._end(fault.end_s),
            batch=fault.batch,
            phase=fault.phase,
            visible_ns=self._end(watch.visible_s),
            seen_on=tuple(names[column] for column in watch.seen),
            hidden=watch.visible_s is None,
            effect_end_ns=self._end(watch.last_seen_s) if traced else None,
            because=fault.because,
        )

    def holds(self, holds: Holds) -> Iterable[Label]:
        """Every long stay: from the second half of its limit on, and from the limit on."""
        for stay in holds.long():
            if stay.half_s is not None:
                yield self._stay(stay, LabelKind.WAITING, stay.half_s, stay.half_in)
            if stay.over_s is not None:
                yield self._stay(stay, LabelKind.HOLD, stay.over_s, stay.over_in)

    def _stay(self, stay: Stay, kind: LabelKind, onset_s: int, unit: str) -> Label:
        onset_ns = self.ns(onset_s)
        used = "half of its limit" if kind is LabelKind.WAITING else "its limit"
        return Label(
            kind=kind,
            id=f"{kind} {stay.hold} {stay.batch}",
            what=stay.hold,
            subject=unit,
            unit=unit,
            onset_ns=onset_ns,
            end_ns=self._end(stay.end_s),
            batch=stay.batch,
            visible_ns=onset_ns,
            because=f"batch {stay.batch} had waited for longer than {used}, {stay.limit_s / 3600:.4g} h",
        )
