"""What people and a batch system do in a seeded world: events of batches, approvals, holds, calibrations, alarms."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from domain.approvals import Proposal, studies_of
from domain.entries import ActionKind, BatchEvent, PersonAction
from domain.recipe_content import canonical, hash_of
from domain.recipes import Recipe
from domain.telling import read_event
from domain.time import SECOND_NS
from simulators.outlets import Update
from simulators.servers.mqtt_payloads import Message
from tests.fake_records import MemoryRecords
from tests.range_review import review_of

EVENTS_TOPIC = "plant/batches"
ADA, GRACE = "Ada", "Grace"

_CARRIER = "F.UNTIMED"  # the broker sends what the batch system tells behind a value
_HOLDS = ("crude", "wait", "dirty")
_BATCHES = 3
_OLD_S = (0.0, 0.0, 0.0, 0.7, 3.0)


@dataclass(frozen=True, slots=True)
class BatchNews:
    """An event of a batch: over MQTT (then `again` if the same packet comes twice), over HTTP, or by both."""

    told: dict[str, object]
    routes: tuple[str, ...]
    again: bool = False

    def message(self) -> Message:
        """As the batch system publishes it."""
        return Message(EVENTS_TOPIC, json.dumps(self.told).encode(), again=self.again)

    def asked(self, now_ns: int) -> BatchEvent:
        """As the interface takes it."""
        return read_event({**self.told, "id": f"http {self.told['id']}"}, "", now_ns, ADA)

    def carrier(self, at_ns: int) -> Update:
        """The value in front of it."""
        return Update(_CARRIER, at_ns % 1_000_003 + 0.5, None)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person asks of the service; without a subject, of one of the alarms that stand then."""

    id: str
    person: str
    kind: ActionKind
    subject: str = ""
    comment: str = "as seen on site"
    until_s: float | None = None  # from the start of the world


@dataclass(frozen=True, slots=True)
class Proposed:
    """Ada puts a version of the recipe forward."""

    version: int


def ask(records: MemoryRecords, deed: Deed, start_ns: int, now_ns: int, chance: Random) -> None:
    """Write a person's request, as the web process does."""
    subject = deed.subject
    if not subject:
        standing = records.alarms(everything=True)
        subject = chance.choice(standing).alarm if standing else "nothing"
    until_ns = None if deed.until_s is None else start_ns + round(deed.until_s * SECOND_NS)
    records.request(PersonAction(deed.id, now_ns, deed.person, deed.kind, subject, deed.comment, until_ns))


def propose(records: MemoryRecords, recipe: Recipe, version: int, now_ns: int) -> None:
    """Put a version of a recipe forward, with other ranges than the one before."""
    made = _version(recipe, version)
    content = canonical(made)
    name = f"proposal {version}"
    said = (made.product, version, made.change, studies_of(made), ADA, "of VR-12", content, hash_of(content))
    proposal = Proposal(name, now_ns, *said)
    records.propose(proposal)
    records.sign(review_of(proposal))


def _version(recipe: Recipe, version: int) -> Recipe:
    if version == recipe.version:
        return recipe
    dose = recipe.phases["dose"]
    around = dose.parameters["TT"]
    wider = {
        kind: replace(limits, high=limits.high if limits.high is None else limits.high + version)
        for kind, limits in around.ranges.items()
    }
    parameters = {**dose.parameters, "TT": replace(around, ranges=wider)}
    return replace(recipe, version=version, phases={**recipe.phases, "dose": replace(dose, parameters=parameters)})


def happenings(seed: int, seconds: float, start_ns: int) -> list[tuple[float, BatchNews | Deed | Proposed]]:
    """What people and the batch system do, in the order of time, s from the start."""
    chance = Random(f"people {seed}")
    found = [*_batches(chance, seconds, start_ns), *_approvals(chance, seconds), *_deeds(chance, seconds)]
    return sorted(found, key=lambda each: each[0])


def _batches(chance: Random, seconds: float, start_ns: int) -> Iterator[tuple[float, BatchNews]]:
    """Batches in R1, one after the other, each moved to T1 in the end; what is told may be told late, or twice."""
    at_s, number = 0.5, 0
    pace_s = chance.choice([0.3, 1.0, 2.5])
    for batch in range(1, _BATCHES + 1):
        for event, words in _course(f"B{batch}"):
            at_s += chance.expovariate(1 / pace_s)
            if at_s > seconds:
                return
            if chance.random() < 0.1:
                continue  # nobody tells this one
            number += 1
            time_ns = start_ns + round((at_s - chance.choice(_OLD_S)) * SECOND_NS)
            told: dict[str, object] = {"id": f"mes-{number}", "event": event, "time": time_ns, **words}
            routes = chance.choice([("mqtt",), ("mqtt",), ("http",), ("mqtt", "http")])
            yield at_s, BatchNews(told, routes, again=chance.random() < 0.1)


def _course(batch: str) -> list[tuple[str, dict[str, object]]]:
    on = {"unit": "R1", "batch": batch}
    away = {"from": "R1", "to": "T1", "batch": batch}
    return [
        ("batch_start", on),
        ("phase_start", {**on, "phase": "charge"}),
        ("charge", {**on, "material": "SM-1", "amount": "12.50", "amount_unit": "kg"}),
        ("phase_end", {**on, "phase": "charge"}),
        ("phase_start", {**on, "phase": "dose"}),
        ("phase_end", {**on, "phase": "dose"}),
        ("transfer_start", away),
        ("transfer_end", away),
        ("batch_start", {"unit": "T1", "batch": f"{batch}-T"}),
        ("rework", {"parents": [batch], "children": [f"{batch}-R"]}),
        ("batch_end", {"batch": batch}),
        ("phase_start", {"unit": "R1", "phase": "clean"}),
        ("phase_end", {"unit": "R1", "phase": "clean"}),
        ("transfer_start", {"from": "T1"}),
        ("transfer_end", {"from": "T1"}),
    ]


def _approvals(chance: Random, seconds: float) -> Iterator[tuple[float, Deed | Proposed]]:
    """A version soon, others later; some approvals count for nothing, and are asked again."""
    at_s = 0.3
    for version in range(1, chance.choice([1, 2, 3]) + 1):
        yield at_s, Proposed(version)
        for attempt in range(chance.choice([1, 1, 2])):
            person = ADA if chance.random() < 0.15 else GRACE
            later_s = chance.choice([None, None, 2.0])
            proposal = f"proposal {version}" if chance.random() < 0.9 else "proposal nobody made"
            until_s = None if later_s is None else at_s + later_s + 1.0
            deed_s = at_s + 0.1 + chance.random()
            yield (
                deed_s,
                Deed(f"approve {version}.{attempt}", person, ActionKind.APPROVE_RANGES, proposal, until_s=until_s),
            )
        at_s += chance.uniform(1.0, max(seconds / 2, 2.0))


def _deeds(chance: Random, seconds: float) -> Iterator[tuple[float, Deed]]:
    """Holds' ends, calibrations and alarms, by people."""
    for number in range(chance.choice([0, 3, 6, 12])):
        at_s = chance.uniform(0.5, seconds)
        name = f"deed {number}"
        kind = chance.choice(["hold", "hold", "calibration", "alarm", "alarm"])
        if kind == "hold":
            which = chance.choice([ActionKind.HOLD_START, ActionKind.HOLD_STOP])
            batch = f"B{chance.randint(1, _BATCHES)}{chance.choice(['', '', '-T'])}"
            until_s = at_s - chance.choice([0.5, 2.0, 6.0])
            yield at_s, Deed(name, ADA, which, f"{chance.choice(_HOLDS)}/{batch}", until_s=until_s)
        elif kind == "calibration":
            which = chance.choice([ActionKind.CALIBRATED, ActionKind.CALIBRATION_FAILED])
            tag = chance.choice(["R1.TT", "R1.PT", "NO.TAG"])
            yield at_s, Deed(name, GRACE, which, tag, until_s=at_s - chance.choice([0.1, 3.0]))
        else:
            which = chance.choice([ActionKind.ACKNOWLEDGE, ActionKind.COMMENT, ActionKind.SHELVE, ActionKind.UNSHELVE])
            until_s = at_s + 4.0 if which is ActionKind.SHELVE else None
            yield at_s, Deed(name, ADA, which, until_s=until_s)
