"""Which stretch of a run a picture shows: one batch of one unit, and what was so and told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.errors import Refused
from domain.time import MINUTE_NS, SECOND_NS
from service.bench.findings import Told
from simulators.truth.labels import Label, LabelKind
from simulators.truth.truth import PhaseSpan, RangeRow, Truth

Array = NDArray[np.float64]

_MOST_TAGS: Final = 6
_USUAL_ROLES: Final = ("TT", "PT", "AT", "LT")
_MARGIN: Final = 0.03  # of the batch's time, on both sides


@dataclass(frozen=True, slots=True)
class View:
    """What is drawn: a stretch of time of one unit."""

    truth: Truth
    findings: tuple[Told, ...]
    unit: str
    batch: str
    start_ns: int
    end_ns: int

    def hours(self, time_ns: int) -> float:
        """Hours since the batch began; what is outside the picture stays outside."""
        return (time_ns - self.start_ns) / (3600 * SECOND_NS)

    def until(self, end_ns: int | None) -> float:
        """The same for an end; None: the picture's."""
        return self.hours(self.last_ns if end_ns is None else min(end_ns, self.last_ns))

    @property
    def margin_ns(self) -> int:
        """What the picture shows before and after the batch."""
        return round((self.end_ns - self.start_ns) * _MARGIN)

    @property
    def last_ns(self) -> int:
        """Where the picture ends."""
        return self.end_ns + self.margin_ns

    @property
    def phases(self) -> list[PhaseSpan]:
        """The unit's phases in the picture."""
        return [
            each
            for each in self.truth.header.phases
            if each.unit == self.unit and self.shows(each.start_ns, each.end_ns)
        ]

    def shows(self, start_ns: int, end_ns: int | None) -> bool:
        """Whether a span reaches into the picture."""
        return start_ns <= self.last_ns and (end_ns is None or end_ns >= self.start_ns - self.margin_ns)


def view_of(truth: Truth, findings: tuple[Told, ...], unit: str | None, batch: str | None) -> View:
    """The batch that was asked for; else the one of the first fault that could be seen, else the first; Refused."""
    spans = [each for each in truth.header.phases if each.batch and unit in (None, each.unit)]
    spans = [each for each in spans if batch in (None, each.batch)]
    if not spans:
        raise Refused(
            f"{truth.header.scenario}: there is no batch {batch or ''} on unit {unit or '(any)'}".replace("  ", " ")
        )
    shown = next(
        (
            (label.unit, label.batch)
            for label in sorted(truth.labels, key=lambda each: (each.hidden, each.kind is not LabelKind.FAULT))
            if any((each.unit, each.batch) == (label.unit, label.batch) for each in spans)
        ),
        (spans[0].unit, spans[0].batch),
    )
    mine = [each for each in spans if (each.unit, each.batch) == shown]
    last_ns = truth.header.start_ns + truth.header.lasts_s * SECOND_NS
    ends = [last_ns if each.end_ns is None else each.end_ns for each in mine]
    return View(truth, findings, *shown, mine[0].start_ns, max(*ends, mine[0].start_ns + MINUTE_NS))


def chosen_tags(view: View, tags: Sequence[str]) -> list[str]:
    """The tags to draw: those asked for, else the usual ones of the unit and those on which something was seen."""
    unknown = [tag for tag in tags if tag not in view.truth.tags]
    if unknown:
        raise Refused(f"{view.truth.header.scenario}: there is no measured tag {', '.join(unknown)}")
    if tags:
        return list(tags)
    usual = [f"{view.unit}.{role}" for role in _USUAL_ROLES]
    seen = [tag for label in labels_of(view) for tag in label.seen_on if tag.startswith(f"{view.unit}.")]
    wanted = [tag for tag in dict.fromkeys((*usual, *seen)) if tag in view.truth.tags]
    return wanted[:_MOST_TAGS]


def labels_of(view: View) -> list[Label]:
    """What was really so of this unit, and of the servers, in this time."""
    return [
        label
        for label in view.truth.labels
        if label.kind is not LabelKind.WAITING
        and (label.unit == view.unit or label.subject in view.truth.header.served)
        and view.shows(label.onset_ns, label.end_ns)
    ]


def findings_of(view: View) -> list[Told]:
    """What was told of this unit, and of the servers, in this time."""
    own = {tag for place in view.truth.header.places if place.unit == view.unit for tag in place.tags}
    servers = view.truth.header.served
    return [
        told
        for told in view.findings
        if (told.unit == view.unit or told.subject in own or told.subject == view.unit or told.subject in servers)
        and view.shows(told.detected_ns, told.detected_ns)
    ]


def series(view: View, tag: str) -> tuple[Array, Array]:
    """A tag's true values in the picture: hours since the batch began, and the values."""
    values = view.truth.values
    mine = values.tag == view.truth.tags.index(tag)
    time_ns, value = values.time_ns[mine], values.value[mine]
    shown = (time_ns >= view.start_ns - view.margin_ns) & (time_ns <= view.last_ns)
    return (time_ns[shown] - view.start_ns) / (3600 * SECOND_NS), value[shown]


def ranges_of(view: View, tag: str, phase: str) -> list[RangeRow]:
    """The ranges of a tag in a phase."""
    role = tag.rpartition(".")[2]
    return [row for row in view.truth.header.ranges if (row.phase, row.role) == (phase, role)]


def innermost(view: View, tag: str, kinds: Sequence[str]) -> Array:
    """The sides of a tag's innermost ranges: a picture without them would show noise as drama."""
    rows = [row for phase in view.phases for row in ranges_of(view, tag, phase.phase)]
    kind = next((kind for kind in kinds if any(row.kind == kind for row in rows)), "")
    return np.array([side for row in rows if row.kind == kind for side in (row.low, row.high) if side is not None])
