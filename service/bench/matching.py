"""Which finding means which label.

A finding matches a label when three things hold:

1. **It concerns it.** For a fault of the process or of its operators: the unit, or what feeds it or is fed by it. For
   a fault of an instrument: the tag, or its unit as a whole. For a fault of a server or of the network: the server, a
   tag that it serves, or a source that the truth does not know by name. For an excursion: the tag, another one that
   measures the same (the contents are as hot, whichever of two instruments says so), or its unit as a whole. For a
   hold: the unit, or the hold's name.
2. **Its rule can mean it**, by the rule's class (what stands before the first dot): see `MEANINGS`. A class that is
   not in the table can mean any fault. An excursion is meant by `excursion.KIND.SIDE` of its own kind and side, and by
   rules that name no kind (`excursion.high`, `fixed.high`).
   What a rule about an instrument's own health says of a tag whose instrument is broken at that time means that, and no
   fault of the process behind it.
3. **Its time fits.** It was told between the label's onset and its end, a grace after it included; where a fault could
   be seen for longer than it lasted, until that end. What was over before a fault does not mean it, nor what had begun
   before it, by more than a minute and by a rule whose onset is measured (`MEASURED`), not estimated. A finding about
   an excursion or a hold may also be early, by the grace at most, if it is still open at the onset: noise carries a
   reading over a limit a little before the truth.

One finding may match several labels; one that matches none is false.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from domain.time import MINUTE_NS
from service.bench.findings import Told
from simulators.truth.labels import Label, LabelKind
from simulators.truth.truth import Header

GRACE_NS: Final = 30 * MINUTE_NS
"""How long after a label's end a finding still means it."""

EARLY_NS: Final = MINUTE_NS
"""By how much a measured onset may lie before a fault's: a crossing lies between two readings."""

MEASURED: Final = frozenset(
    ("excursion", "fixed", "rate", "outside_nor", "jump", "spike", "pair", "vapour", "jacket", "volume", "phase")
)
"""Classes whose onset is measured. Those of drift, noise and silence are estimated; a hold has an onset of its own."""

HEALTH: Final = frozenset(("stale", "frozen", "bad", "uncertain", "noise", "spike", "jump", "sensor", "calibration"))
"""Classes that are about an instrument's own health."""

_VALUES: Final = frozenset(
    ("excursion", "fixed", "rate", "outside_nor", "drift", "advice", "dwell", "model", "batch", "jump", "noise")
)
_INSTRUMENT: Final = frozenset(("spike", "sensor", "pair", "vapour", "jacket", "volume", "phase", "calibration"))
_PROCESS: Final = frozenset(("jacket", "volume", "phase"))
_SILENCE: Final = frozenset(("source", "stale", "bad", "ahead", "model.missing", "hold.indeterminate", "context"))

MEANINGS: Final[Mapping[str, frozenset[str]]] = {
    "process": _VALUES | _PROCESS | {"duration", "frozen", "hold.out_of_condition", "yield"},
    "operator": _VALUES | _PROCESS | {"duration", "frozen", "hold", "context", "yield"},
    "instrument": _VALUES | _INSTRUMENT | {"stale", "frozen", "bad", "uncertain", "hold.out_of_condition"},
    "network": _SILENCE | {"journal"},
    "opcua": _SILENCE | {"frozen"},
    "mqtt": _SILENCE | {"frozen"},
}
"""The classes of rules (or whole rules) that can mean a fault, by the fault's domain."""

NOBODYS: Final = frozenset(("ranges", "mirror", "service", "record"))
"""Classes that mean no fault of the plant: they tell of the configuration, of the service, and of its files."""

_CLASSES: Final = NOBODYS | {rule.partition(".")[0] for rules in MEANINGS.values() for rule in rules}
_SIDES: Final = ("high", "low")


class Matcher:
    """Matches findings with the labels of one plant; `domains` says which domain a kind of fault belongs to."""

    def __init__(
        self, header: Header, labels: Sequence[Label], domains: Mapping[str, str], grace_ns: int = GRACE_NS
    ) -> None:
        self._unit_of = {tag: place.unit for place in header.places for tag in place.tags}
        self._unit_of |= {place.unit: place.unit for place in header.places}
        self._near = {place.unit: {place.unit, *place.neighbours} for place in header.places}
        self._served = {server: frozenset(tags) for server, tags in header.served.items()}
        self._twins = {tag: frozenset(tags) for tags in header.twins.values() for tag in tags}
        self._domains = domains
        self._grace_ns = grace_ns
        self._holds = {label.what for label in labels if label.kind in (LabelKind.HOLD, LabelKind.WAITING)}
        self._broken: dict[str, list[Label]] = {}  # by tag: the faults of its instrument
        for label in labels:
            if label.kind is LabelKind.FAULT and domains.get(label.what) == "instrument":
                self._broken.setdefault(label.subject, []).append(label)

    def matches(self, told: Told, label: Label) -> bool:
        """Tell whether a finding means a label."""
        return self._fits(told, label) and self._can_mean(told, label) and self._concerns(told, label)

    def _fits(self, told: Told, label: Label) -> bool:
        if told.detected_ns < label.onset_ns:
            still_open = told.end_ns is None or told.end_ns >= label.onset_ns
            early = label.kind is not LabelKind.FAULT and told.detected_ns >= label.onset_ns - self._grace_ns
            return early and still_open
        if label.kind is LabelKind.FAULT and _was_there(told, label.onset_ns):
            return False
        return self._before_end(told, label)

    def _before_end(self, told: Told, label: Label) -> bool:
        """Whether a finding was told before a label's end, or the grace after it."""
        if label.end_ns is None:
            return True
        return told.detected_ns <= max(label.end_ns, label.effect_end_ns or 0) + self._grace_ns

    def _can_mean(self, told: Told, label: Label) -> bool:
        rule_class = told.rule.partition(".")[0]
        if label.kind is LabelKind.HOLD:
            return told.rule in ("hold", "hold.breach")
        if label.kind is LabelKind.WAITING:
            return rule_class == "hold"
        if label.kind is LabelKind.OUTSIDE:
            return _means_excursion(told.rule, label.what)
        domain = self._domains.get(label.what)
        if rule_class not in _CLASSES or domain is None:
            return True
        if domain != "instrument" and rule_class in HEALTH and self._is_broken(told):
            return False
        return rule_class in MEANINGS[domain] or told.rule in MEANINGS[domain]

    def _is_broken(self, told: Told) -> bool:
        """Whether the instrument of a finding's tag was broken when it was told."""
        faults = self._broken.get(told.subject, ())
        return any(fault.onset_ns <= told.detected_ns and self._before_end(told, fault) for fault in faults)

    def _concerns(self, told: Told, label: Label) -> bool:
        unit = told.unit or self._unit_of.get(told.subject, "")
        if label.kind in (LabelKind.HOLD, LabelKind.WAITING):
            # Of two holds of a unit each is meant by its own name, if that is known.
            return told.subject == label.what if told.subject in self._holds else unit == label.unit
        if label.kind is LabelKind.OUTSIDE:
            twins = self._twins.get(label.subject, frozenset())
            return told.subject in (label.subject, label.unit) or told.subject in twins
        served = self._served.get(label.subject)
        if served is not None:
            known = told.subject in self._unit_of or told.subject in self._served
            serves_it = told.subject in served or any(self._unit_of.get(tag) == told.subject for tag in served)
            return told.subject == label.subject or serves_it or not known
        if label.subject in self._near:
            return unit in self._near[label.subject]
        return told.subject in (label.subject, label.unit)


def _was_there(told: Told, onset_ns: int) -> bool:
    """Whether what a finding says was over, or had begun, before a fault."""
    if told.end_ns is not None and told.end_ns < onset_ns:
        return True
    is_measured = told.rule.partition(".")[0] in MEASURED and told.onset_ns is not None
    return is_measured and (told.onset_ns or 0) < onset_ns - EARLY_NS


def _means_excursion(rule: str, what: str) -> bool:
    """`what` is `validated.high`: the range's kind and the side."""
    kind, _, side = what.partition(".")
    rule_class, _, rest = rule.partition(".")
    if rule_class == "outside_nor":
        return kind == "nor"
    if rule_class not in ("excursion", "fixed"):
        return False
    return rest in (what, side, "") or (rest == kind and rest not in _SIDES)
