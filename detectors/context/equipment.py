"""What the equipment of units is told to be in: running, idle, under maintenance."""

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Frame, Mask, grown
from detectors.cases import Json
from detectors.context.context import as_text
from detectors.part import Part
from domain.findings import EquipmentState
from domain.rules import EquipmentTag, Rulebook
from domain.tags import Tag


class Equipment(Part):
    """The states of equipment that tags tell; a state is told when it changes, in the order of the rows.

    A row whose quality is Bad tells that the state is not known: then nothing is suppressed by it.
    """

    name = "equipment"

    def __init__(self, rulebook: Rulebook) -> None:
        self._units: dict[str, list[tuple[str, EquipmentTag]]] = {}
        for unit, told in rulebook.equipment.items():
            self._units.setdefault(told.tag, []).append((unit, told))
        self._tags: dict[int, str] = {}
        self._is_told: Mask = np.empty(0, dtype=np.bool_)
        self._states: dict[str, str] = {}

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._is_told = grown(self._is_told, size, fill=False)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        self._is_told[tag.id] = tag.name in self._units
        self._tags[tag.id] = tag.name

    def states(self, frame: Frame) -> list[tuple[int, EquipmentState]]:
        """What rows tell, with the place of each in the order of arrival."""
        if not self._units:
            return []
        rows = frame.rows
        chosen: NDArray[np.intp] = self._is_told[rows.tag].nonzero()[0]
        told: list[tuple[int, EquipmentState]] = []
        for index in sorted(chosen.tolist(), key=frame.place):
            text = _text(frame, index)
            for unit, each in self._units[self._tags[int(rows.tag[index])]]:
                state = text if not each.states else each.states.get(text, "")
                if state != self._states.get(unit):
                    self._states[unit] = state
                    since = EquipmentState(unit, state, int(rows.time_ns[index]), rows.position(index))
                    told.append((frame.place(index), since))
        return told

    def state(self) -> Json:
        """What was told last, by unit."""
        return dict(self._states)

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what was told last."""
        self._states = dict(state)

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take what was told of units whose equipment is still told: a value that does not change is not sent again."""
        units = {unit for told in self._units.values() for unit, _ in told}
        self._states = {unit: known for unit, known in state.items() if unit in units}


def _text(frame: Frame, index: int) -> str:
    """A row's value as the configuration writes it; empty: it says nothing."""
    rows = frame.rows
    if rows.text is not None:
        is_bad = rows.bad is not None and bool(rows.bad[index])
        return "" if is_bad or rows.text[index] is None else str(rows.text[index]).strip()
    is_proven = rows.ok is None or bool(rows.ok[index])
    return as_text(float(rows.value[index])) if is_proven else ""
