"""Which tags belong to which unit and which measure the same there, and which units stand next to each other."""

from simulators.layout import Layout
from simulators.tags import PlantTags
from simulators.truth.truth import Place


def places_of(layout: Layout, tags: PlantTags) -> tuple[Place, ...]:
    """Every unit with its tags, measured and told, and its neighbours; the utility's tag is the first reactor's."""
    own: dict[str, list[str]] = {unit: [] for unit in layout.units}
    for tag in tags.measured:
        own[tag.place if tag.place in own else tag.name.rpartition(".")[0]].append(tag.name)
    for state in tags.states:
        own[state.name.rpartition(".")[0]].append(state.name)
    beside = neighbours(layout)
    return tuple(Place(unit, tuple(names), beside[unit]) for unit, names in own.items())


def twins_of(tags: PlantTags) -> dict[str, tuple[str, ...]]:
    """What more than one instrument measures, as `UNIT.quantity`, and their tags."""
    measured: dict[str, list[str]] = {}
    for tag in tags.measured:
        measured.setdefault(f"{tag.place}.{tag.quantity}", []).append(tag.name)
    return {quantity: tuple(names) for quantity, names in measured.items() if len(names) > 1}


def neighbours(layout: Layout) -> dict[str, tuple[str, ...]]:
    """What feeds a unit, and what it feeds: reactors, tank, crystalliser, still."""
    beside: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(layout.lines):
        feeding = tuple(unit for unit, feeds in zip(layout.reactors, layout.feeds, strict=True) if feeds == number)
        beside |= dict.fromkeys(feeding, (line.tank,))
        beside[line.tank] = (*feeding, line.crystalliser)
        beside[line.crystalliser] = (line.tank, line.still)
        beside[line.still] = (line.crystalliser,)
    return beside
