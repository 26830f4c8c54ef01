"""One batch: its units, phases, events, findings, and which batches it was made of or went into."""

from collections.abc import Sequence

from api.shapes import Shape, finding_shape, phase_shape
from api.times import TimeForm
from domain.entries import BatchEvent
from domain.findings import BatchTold, PhaseRecord
from domain.genealogy import BatchLink
from domain.ports import RecordsReader

MOST_DEPTH = 64
"""Generations that a genealogy is walked; a batch that is its own ancestor would never end."""


def event_shape(event: BatchEvent, form: TimeForm) -> Shape:
    """What was told, with its source and both times; what its kind does not need is left out."""
    told: Shape = {
        "unit": event.unit,
        "batch": event.batch,
        "phase": event.phase,
        "material": event.material,
        "amount": None if event.amount is None else str(event.amount),
        "amount_unit": event.amount_unit,
        "from": event.from_unit,
        "to": event.to_unit,
        "parents": list(event.parents),
        "children": list(event.children),
        "person": event.person,
        "recipe": event.recipe,
        "corrects": event.corrects,
    }
    return {
        "id": event.id,
        "event": str(event.kind),
        "source": event.source,
        **form.put(time=event.time_ns, recorded=event.recorded_ns),
        **{key: value for key, value in told.items() if value},
    }


def told_shape(told: BatchTold, form: TimeForm) -> Shape:
    """An event that counts, with its place in the journal."""
    return {**event_shape(told.event, form), "entry": int(told.position.entry), "row": told.position.row}


def link_shape(link: BatchLink, depth: int, form: TimeForm) -> Shape:
    """One step of a genealogy; `depth` counts from the batch that was asked for."""
    return {
        "parent": link.parent,
        "child": link.child,
        "kinship": str(link.kinship),
        **form.put(time=link.time_ns),
        "source": link.source,
        "event": link.event,
        "depth": depth,
    }


def batch_shape(records: RecordsReader, batch: str, limit: int, form: TimeForm) -> Shape | None:
    """All that is known of a batch, each list with at most `limit` entries; None where nothing is."""
    phases = records.phases_of(batch, limit + 1)
    findings = records.findings_of(batch, limit + 1)
    told = records.told_of(batch, limit + 1)
    back = records.links_of([batch], back=True, limit=limit + 1)
    forward = records.links_of([batch], back=False, limit=limit + 1)
    lists: tuple[Sequence[object], ...] = (phases, findings, told, back, forward)
    if not any(lists):
        return None
    starts = [phase.start_ns for phase in phases] or [each.event.time_ns for each in told]
    ends = [phase.end_ns for phase in phases]
    end_ns = None if None in ends or not ends else max(end for end in ends if end is not None)
    return {
        "batch": batch,
        **form.put(start=min(starts, default=None), end=end_ns),
        "units": list(dict.fromkeys(phase.unit for phase in phases)),
        "recipes": list(dict.fromkeys(phase.recipe for phase in phases if phase.recipe)),
        "phases": [phase_shape(phase, form) for phase in phases[:limit]],
        "events": [told_shape(each, form) for each in told[:limit]],
        "findings": [finding_shape(finding, form) for finding in findings[:limit]],
        "parents": [link.parent for link in back[:limit]],
        "children": [link.child for link in forward[:limit]],
        "cut": any(len(each) > limit for each in lists),
    }


def genealogy_shape(records: RecordsReader, batch: str, *, back: bool, limit: int, form: TimeForm) -> Shape:
    """The links from a batch to its ancestors or descendants, the nearest first, each batch visited once."""
    links: list[Shape] = []
    seen, front, depth = {batch}, [batch], 0
    is_cut = False
    while front and not is_cut:
        depth += 1
        found = records.links_of(front, back=back, limit=limit - len(links) + 1)
        is_cut = len(found) > limit - len(links) or (depth > MOST_DEPTH and bool(found))
        found = [] if depth > MOST_DEPTH else found[: limit - len(links)]
        links += [link_shape(link, depth, form) for link in found]
        near = dict.fromkeys(link.parent if back else link.child for link in found)
        front = [each for each in near if each not in seen]
        seen.update(front)
    batches = list(dict.fromkeys(str(link["parent" if back else "child"]) for link in links))
    return {
        "batch": batch,
        "direction": "back" if back else "forward",
        "batches": batches,
        "links": links,
        "cut": is_cut,
    }


def timeline(phases: Sequence[PhaseRecord], now_ns: int) -> list[Shape]:
    """A lane for each unit, its phases as bars; `left` and `width` are percents of the batch's whole time."""
    if not phases:
        return []
    start_ns = min(phase.start_ns for phase in phases)
    end_ns = max(now_ns if phase.end_ns is None else phase.end_ns for phase in phases)
    whole_ns = max(end_ns - start_ns, 1)
    lanes: dict[str, list[Shape]] = {}
    for phase in phases:
        until_ns = max(now_ns if phase.end_ns is None else phase.end_ns, phase.start_ns)
        lanes.setdefault(phase.unit, []).append(
            {
                "phase": phase.phase,
                "left": round(100 * (phase.start_ns - start_ns) / whole_ns, 3),
                "width": round(100 * (until_ns - phase.start_ns) / whole_ns, 3),
                "open": phase.end_ns is None,
                **TimeForm.MS.put(start=phase.start_ns, end=phase.end_ns),
                "minutes": round((until_ns - phase.start_ns) / 60e9, 1),
            }
        )
    return [{"unit": unit, "bars": bars} for unit, bars in lanes.items()]
