"""Which finding means which label.

A finding matches a label when three things hold:

1. **It concerns it.** For a fault of the process or of its operators: the unit, or what feeds it or is fed by it. For
   a fault of an instrument: the tag, or its unit as a whole. For a fault of a server or of the network: the server, a
   tag that it serves, or a source that the truth does not know by name. For an excursion: the tag, or its unit as a
   whole. For a hold: the unit, or the hold's name.
2. **Its rule can mean it**, by the rule's class (what stands before the first dot): see `MEANINGS`. A class that is
   not in the table can mean any fault. An excursion is meant by `excursion.KIND.SIDE` of its own kind and side, and by
   rules that name no kind (`excursion.high`, `fixed.high`).
3. **Its time fits.** It was told between the label's onset and its end, a grace after it included; where a fault could
   be seen for longer than it lasted, until that end. A finding about an excursion or a hold may also be early, by the
   grace at most, if it is still open at the onset: noise carries a reading over a limit a little before the truth.

One finding may match several labels; one that matches none is false.
"""

from collections.abc import Mapping
from typing import Final

from domain.time import MINUTE_NS
from service.bench.findings import Told
from simulators.truth.labels import Label, LabelKind
from simulators.truth.truth import Header

GRACE_NS: Final = 30 * MINUTE_NS
"""How long after a label's end a finding still means it."""

_VALUES: Final = frozenset(("excursion", "fixed", "rate", "outside_nor", "drift", "jump", "noise"))
_INSTRUMENT: Final = frozenset(("spike", "sensor", "pair", "vapour", "jacket", "volume", "phase"))
_PROCESS: Final = frozenset(("jacket", "volume", "phase"))
_SILENCE: Final = frozenset(("source", "stale", "bad", "hold.indeterminate"))

MEANINGS: Final[Mapping[str, frozenset[str]]] = {
    "process": _VALUES | _PROCESS | {"duration", "frozen"},
    "operator": _VALUES | _PROCESS | {"duration", "frozen", "hold"},
    "instrument": _VALUES | _INSTRUMENT | {"stale", "frozen", "bad"},
    "network": _SILENCE | {"journal"},
    "opcua": _SILENCE | {"frozen"},
    "mqtt": _SILENCE | {"frozen"},
}
"""The classes of rules (or whole rules) that can mean a fault, by the fault's domain."""

_CLASSES: Final = frozenset(rule.partition(".")[0] for rules in MEANINGS.values() for rule in rules)
_SIDES: Final = ("high", "low")


class Matcher:
    """Matches findings with the labels of one plant; `domains` says which domain a kind of fault belongs to."""

    def __init__(self, header: Header, domains: Mapping[str, str], grace_ns: int = GRACE_NS) -> None:
        self._unit_of = {tag: place.unit for place in header.places for tag in place.tags}
        self._unit_of |= {place.unit: place.unit for place in header.places}
        self._near = {place.unit: {place.unit, *place.neighbours} for place in header.places}
        self._served = {server: frozenset(tags) for server, tags in header.served.items()}
        self._domains = domains
        self._grace_ns = grace_ns

    def matches(self, told: Told, label: Label) -> bool:
        """Tell whether a finding means a label."""
        return self._fits(told, label) and self._can_mean(told, label) and self._concerns(told, label)

    def _fits(self, told: Told, label: Label) -> bool:
        if told.detected_ns < label.onset_ns:
            still_open = told.end_ns is None or told.end_ns >= label.onset_ns
            early = label.kind is not LabelKind.FAULT and told.detected_ns >= label.onset_ns - self._grace_ns
            return early and still_open
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
        return rule_class in MEANINGS[domain] or told.rule in MEANINGS[domain]

    def _concerns(self, told: Told, label: Label) -> bool:
        unit = told.unit or self._unit_of.get(told.subject, "")
        if label.kind in (LabelKind.HOLD, LabelKind.WAITING):
            return told.subject == label.what or unit == label.unit
        if label.kind is LabelKind.OUTSIDE:
            return told.subject in (label.subject, label.unit)
        served = self._served.get(label.subject)
        if served is not None:
            known = told.subject in self._unit_of or told.subject in self._served
            serves_it = told.subject in served or any(self._unit_of.get(tag) == told.subject for tag in served)
            return told.subject == label.subject or serves_it or not known
        if label.subject in self._near:
            return unit in self._near[label.subject]
        return told.subject in (label.subject, label.unit)


def _means_excursion(rule: str, what: str) -> bool:
    """`what` is `validated.high`: the range's kind and the side."""
    kind, _, side = what.partition(".")
    rule_class, _, rest = rule.partition(".")
    if rule_class == "outside_nor":
        return kind == "nor"
    if rule_class not in ("excursion", "fixed"):
        return False
    return rest in (what, side, "") or (rest == kind and rest not in _SIDES)
