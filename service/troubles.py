"""Watches the figures for what is wrong with the service itself, and says it as findings: once, and when it is over."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from detectors.cases import Evidence
from domain.entries import Position, RowPosition
from domain.figures import Reading, Spread
from domain.findings import Finding, FindingId, Stage
from domain.troubles import LATELY_S, Measure, Trouble

Key = tuple[str, str]  # rule, subject
ByName = Mapping[str, Sequence[Reading]]


@dataclass(frozen=True, slots=True)
class Moment:
    """A look at the figures. `now_s` never goes back; `at_ns` is the plant's clock, `wall_s` that of certificates."""

    readings: Sequence[Reading]
    now_s: float
    at_ns: int
    wall_s: float
    position: Position


@dataclass(slots=True)
class _Followed:
    """One subject of one trouble."""

    bad_since_s: float | None = None
    good_since_s: float | None = None
    opened: Finding | None = None
    value: float = 0.0
    grew_s: float = -math.inf
    before: float | None = None  # the figure at the last look, where its growth counts


class TroubleWatch:
    """Follows every trouble of a table. `opened` are the findings that were open before a restart."""

    def __init__(
        self, troubles: Sequence[Trouble], note: Callable[[Finding], None], opened: Iterable[Finding] = ()
    ) -> None:
        self._troubles = troubles
        self._note = note
        self._followed: dict[Key, _Followed] = {}
        known = {trouble.rule for trouble in troubles}
        for finding in opened:
            if finding.rule in known:
                self._followed[finding.rule, finding.subject] = _Followed(opened=finding)

    def look(self, moment: Moment) -> None:
        """Judge the figures; note what opened and what cleared."""
        told = _by_name(moment.readings)
        for trouble in self._troubles:
            measures = dict(self._measures(trouble, told, moment))
            subjects = measures.keys() | {subject for rule, subject in self._followed if rule == trouble.rule}
            for subject in sorted(subjects):
                self._judge(trouble, subject, measures.get(subject), moment)

    def stopped(self) -> str | None:
        """Why the way from samples to people does not work just now, as far as a trouble tells; from any thread."""
        for trouble in self._troubles:
            if not trouble.stops:
                continue
            for (rule, subject), followed in list(self._followed.items()):
                if rule == trouble.rule and (followed.opened or followed.bad_since_s is not None):
                    return _text(trouble, subject, followed.value)
        return None

    def figures(self) -> Iterator[Reading]:
        """How many subjects each trouble has at the moment."""
        open_rules = [rule for (rule, _), followed in list(self._followed.items()) if followed.opened is not None]
        for trouble in self._troubles:
            yield Reading("thermowell_service_troubles", open_rules.count(trouble.rule), (trouble.rule,))

    def _measures(self, trouble: Trouble, told: ByName, moment: Moment) -> Iterator[tuple[str, float]]:
        """The measure of each subject that the figures tell of."""
        whole = _value_of(told, trouble.of) if trouble.measure is Measure.SHARE else None
        for reading in told.get(trouble.figure, ()):
            if isinstance(reading.value, Spread):
                continue
            label = reading.labels[-1] if reading.labels else ""
            if trouble.label and label != trouble.label:
                continue
            subject = trouble.subject or label
            match trouble.measure:
                case Measure.VALUE:
                    yield subject, reading.value
                case Measure.SIZE:
                    yield subject, abs(reading.value)
                case Measure.SHARE:
                    if whole:
                        yield subject, reading.value / whole
                case Measure.UNTIL:
                    yield subject, reading.value - moment.wall_s
                case Measure.GREW:
                    yield subject, self._grew(trouble, subject, reading.value, moment.now_s)

    def _grew(self, trouble: Trouble, subject: str, value: float, now_s: float) -> float:
        followed = self._follow(trouble, subject)
        if followed.before is not None and value > followed.before:
            followed.grew_s = now_s
        followed.before = value
        return float(now_s - followed.grew_s < LATELY_S)

    def _follow(self, trouble: Trouble, subject: str) -> _Followed:
        return self._followed.setdefault((trouble.rule, subject), _Followed())

    def _judge(self, trouble: Trouble, subject: str, value: float | None, moment: Moment) -> None:
        """A subject of which nothing is told any more is well."""
        followed = self._follow(trouble, subject)
        is_bad = value is not None and trouble.is_bad(value)
        is_good = value is None or trouble.is_good(value)
        followed.value = followed.value if value is None else value
        followed.bad_since_s = _since(followed.bad_since_s, moment.now_s, holds=is_bad)
        followed.good_since_s = _since(followed.good_since_s, moment.now_s, holds=is_good)
        if followed.opened is None:
            if followed.bad_since_s is not None and moment.now_s - followed.bad_since_s >= trouble.after_s:
                followed.opened = _finding(trouble, subject, followed.value, moment)
                self._note(followed.opened)
            elif value is None:
                del self._followed[trouble.rule, subject]
        elif followed.good_since_s is not None and moment.now_s - followed.good_since_s >= trouble.clear_after_s:
            self._note(over_now(followed.opened, moment.at_ns, f"It is over: {followed.opened.message}"))
            followed.opened = None


def _since(since_s: float | None, now_s: float, *, holds: bool) -> float | None:
    if not holds:
        return None
    return now_s if since_s is None else since_s


def _by_name(readings: Iterable[Reading]) -> ByName:
    told: dict[str, list[Reading]] = {}
    for reading in readings:
        told.setdefault(reading.name, []).append(reading)
    return told


def _value_of(told: ByName, name: str, label: str | None = None) -> float | None:
    for reading in told.get(name, ()):
        if not isinstance(reading.value, Spread) and label in (None, *reading.labels[-1:]):
            return reading.value
    return None


def _text(trouble: Trouble, subject: str, value: float, left: str = "", days: float = 0.0) -> str:
    return trouble.text.format(subject=subject, value=value, hours=value / 3600, left=left, days=days)


def _finding(trouble: Trouble, subject: str, value: float, moment: Moment) -> Finding:
    told = _by_name(moment.readings)
    left_s = _value_of(told, trouble.left)
    end_s = _value_of(told, trouble.ends, subject)
    days = 0.0 if end_s is None else (end_s - moment.wall_s) / 86_400
    left = "it does not grow now" if left_s is None else f"about {left_s / 3600:.1f} h left"
    evidence: dict[str, float | int | str | None] = {"figure": trouble.figure, "value": value, "limit": trouble.on}
    if left_s is not None:
        evidence["hours_left"] = left_s / 3600
    message = _text(trouble, subject, value, left, days)
    return opened_now(trouble.rule, subject, moment.at_ns, moment.position, message, evidence)


def opened_now(rule: str, subject: str, at_ns: int, position: Position, message: str, evidence: Evidence) -> Finding:
    """The first version of a finding about the service itself."""
    return Finding(
        id=FindingId(f"{rule}/{subject}///{at_ns}"),
        version=1,
        rule=rule,
        subject=subject,
        stage=Stage.OPEN,
        onset_ns=at_ns,
        end_ns=None,
        at_ns=at_ns,
        detected=RowPosition(position, 0),
        message=message,
        evidence=evidence,
    )


def over_now(opened: Finding, at_ns: int, message: str) -> Finding:
    """The last version of a finding about the service itself."""
    return replace(opened, version=opened.version + 1, stage=Stage.CLEARED, end_ns=at_ns, at_ns=at_ns, message=message)
