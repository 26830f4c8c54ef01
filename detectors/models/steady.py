"""A unit that should stay as it is: a reference of its own first rows, frozen, and then whether it shifts or changes.

The first `reference` rows without a break are the reference; nothing is said until they are there, and they are never
learnt again. From then on every row is put to the shift (`shift`) and to the change points (`changes`).
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Json
from detectors.models.changes import ChangeReference, ChangeRule, Changes
from detectors.models.shift import Shift, ShiftReference, ShiftRule
from detectors.models.tails import Column, Deviates, filled

USUAL_SHIFT, USUAL_CHANGE = ShiftRule(), ChangeRule()

_FARTHEST = 1e100  # its square is still a number
_BREADTH = 8  # of the reference's hash, as people read it


class Steady:
    """Follows one unit of so many tags, row by row; what it says is of the newest row.

    ValueError if the reference is no longer than a change looks back.
    """

    def __init__(
        self, tags: int, reference: int, shift: ShiftRule = USUAL_SHIFT, change: ChangeRule = USUAL_CHANGE
    ) -> None:
        if reference <= change.rows:
            raise ValueError(f"a reference of {reference} rows; a change looks back over {change.rows}")
        self._tags, self._count, self._shift_rule, self._change_rule = tags, reference, shift, change
        self._rows: list[Column] = []  # of the reference, while it is gathered
        self._reference: Column | None = None
        self._shift: Shift | None = None
        self._changes: Changes | None = None

    @property
    def is_learning(self) -> bool:
        """Whether the reference is not whole yet."""
        return self._reference is None

    @property
    def score(self) -> float:
        """How far the unit is from its reference, in normal deviates."""
        return 0.0 if self._shift is None else self._shift.score

    @property
    def alarm(self) -> bool:
        """Whether it has shifted."""
        return self._shift is not None and self._shift.alarm

    @property
    def told(self) -> bool:
        """Whether a change point is told at this row."""
        return self._changes is not None and self._changes.told

    @property
    def change_score(self) -> float:
        """How much it changed, in normal deviates."""
        return 0.0 if self._changes is None else self._changes.score

    @property
    def shifted(self) -> Deviates:
        """What each tag has to do with the score."""
        assert self._shift is not None, "nothing is said while the reference is gathered"
        return self._shift.tags

    @property
    def changed(self) -> Deviates:
        """What each tag has to do with the change."""
        assert self._changes is not None, "nothing is said while the reference is gathered"
        return self._changes.tags

    @property
    def version(self) -> str:
        """The reference, as it stands in what is said."""
        rows = np.empty(0) if self._reference is None else np.ascontiguousarray(self._reference, dtype="<f8")
        return hashlib.sha256(rows.tobytes()).hexdigest()[:_BREADTH]

    def update(self, row: Column) -> None:
        """Take the next row, (tags,); what is no number, or beyond all sense, is not known."""
        row = np.where(np.abs(row) < _FARTHEST, row, np.nan)
        if self._shift is None or self._changes is None:
            self._rows.append(row)
            if len(self._rows) == self._count:
                self._freeze(filled(np.stack(self._rows)))
                self._rows = []
            return
        self._shift.update(row)
        self._changes.update(row)

    def _freeze(self, rows: Column) -> None:
        self._reference = rows
        self._shift = Shift(ShiftReference.learn(rows, self._shift_rule), self._shift_rule)
        self._changes = Changes(ChangeReference.learn(rows, self._change_rule), self._change_rule)

    def restart(self) -> None:
        """What comes next does not follow what came before: a reference that is not whole is gathered anew."""
        self._rows = []
        if self._shift is not None and self._changes is not None:
            self._shift.restart()
            self._changes.restart()

    def forget(self) -> None:
        """Gather another reference."""
        self._rows, self._reference, self._shift, self._changes = [], None, None, None

    def state(self) -> Json:
        """All but the arrays."""
        if self._shift is None or self._changes is None:
            return None
        return [self._shift.state(), self._changes.state()]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The reference, or what is gathered of it, and where the unit is now."""
        if self._reference is None or self._shift is None or self._changes is None:
            return {"gathered": np.stack(self._rows)} if self._rows else {}
        return {"reference": self._reference, **self._shift.arrays(), **self._changes.arrays()}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self.forget()
        own = {name: array.astype(np.float64) for name, array in arrays.items()}
        if "reference" not in own:
            self._rows = list(own.get("gathered", []))
            return
        self._freeze(own["reference"])
        assert self._shift is not None
        assert self._changes is not None
        shift, changes = state
        self._shift.load(shift, own)
        self._changes.load(changes, own)
