"""Whether the tags of a unit still move together as they did: T² and SPE of a frozen linear model, on several scales.

Values are standardised, and each row is predicted from the rows before it (a vector autoregression). Two things follow:

- what the past explains, the prediction: its T² says that the process is where it never was, though it moves there as
  it always did;
- what the past does not explain, the error: its SPE says that the tags no longer follow each other.

Both are smoothed by EWMAs of several λ, so that a small lasting error is seen as well as a large short one, and
weighed by the inverse of the covariance that the smoothed vectors themselves had in normal operation. Each is divided
by its own quantile in normal operation that nothing was fitted on; the statistic is the largest over the scales, and
its limit comes from such data too.

The error of an input that is not known is taken as the others imply: their statistic is what it would be without it.

The contribution of a tag is that of the reconstruction (Alcala and Qin, Automatica 45, 2009): by how much the statistic
falls if this tag alone is put right; its sign says which way the tag is off.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Index = NDArray[np.intp]

FARTHEST = 1e6
"""Standardised values are cut here: a value without sense is no more than very far out."""


@dataclass(frozen=True, eq=False)
class Multivariate:
    """A fitted model of d tags; everything in it is an array.

    The first axis of what belongs to scales counts them: `error_*` of the errors (SPE), `state_*` of the predictions
    (T²). A statistic is the squared length of a smoothed vector times its `whiten` (d by d), over its `level`.
    """

    mean: Numbers  # (d,), in the tags' units
    sigma: Numbers  # (d,)
    weights: Numbers  # (lags·d, d): the newest row's first
    error_lam: Numbers  # (s,)
    error_whiten: Numbers  # (s, d, d)
    error_level: Numbers  # (s,)
    state_lam: Numbers  # (r,)
    state_whiten: Numbers  # (r, d, d)
    state_level: Numbers  # (r,)
    limits: Numbers  # (2,): of T² and of SPE, in their levels

    @property
    def tags(self) -> int:
        """How many tags there are."""
        return len(self.mean)

    @property
    def lags(self) -> int:
        """How many rows a prediction looks back."""
        return len(self.weights) // self.tags

    @cached_property
    def precision(self) -> tuple[Numbers, Numbers]:
        """The inverse covariances of the smoothed predictions and of the smoothed errors, by scale."""
        return (
            self.state_whiten @ self.state_whiten.transpose(0, 2, 1),
            self.error_whiten @ self.error_whiten.transpose(0, 2, 1),
        )


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one tag has to do with a statistic: its share of all contributions, and by how much it is off."""

    tag: int  # its place in the model
    share: float
    off: float  # in the tag's unit, as smoothed; positive: it is higher than the others imply


T2, SPE = 0, 1

LEAST_SHARE = 0.05
"""Of all contributions: what makes less of a statistic is not named, unless it is the largest."""


class Statistics:
    """T² and SPE of units that one model watches, each in a place of its own; all are stepped at once.

    A row's statistics depend on its own place alone, to the last bit, whichever other places are stepped with it.
    """

    def __init__(self, model: Multivariate, places: int) -> None:
        d, s, r = model.tags, len(model.error_lam), len(model.state_lam)
        self.model = model
        self.rows: NDArray[np.int64] = np.zeros(places, dtype=np.int64)
        self._past = np.zeros((places, model.lags * d))
        self._error = np.zeros((places, s, d))
        self._state = np.zeros((places, r, d))

    def reset(self, places: Index) -> None:
        """Begin anew: there is no past."""
        self.rows[places] = 0
        self._past[places] = self._error[places] = self._state[places] = 0.0

    def step(self, places: Index, values: Numbers, known: NDArray[np.bool_]) -> Numbers:
        """Take the next row of distinct places; (n, 2): T² and SPE in their levels, NaN until there is a past.

        `values`: (n, d) in the tags' units; `known`: where they are to be believed.
        """
        model = self.model
        with np.errstate(invalid="ignore", over="ignore"):
            x = np.clip((values - model.mean) / model.sigma, -FARTHEST, FARTHEST)
        past = self._past[places]
        # One product per row: of a stack of rows, a row's last bit would depend on how many there are.
        predicted = np.matmul(past[:, None, :], model.weights)[:, 0, :]
        self._imply(x, predicted, known)
        ready = self.rows[places] >= model.lags
        if np.count_nonzero(ready):
            chosen = places[ready]
            self._smooth(self._error, chosen, model.error_lam, (x - predicted)[ready])
            self._smooth(self._state, chosen, model.state_lam, predicted[ready])
        d = model.tags
        self._past[places] = np.concatenate([x, past[:, : past.shape[1] - d]], axis=1)
        self.rows[places] += 1
        found = np.full((len(places), 2), np.nan)
        if np.count_nonzero(ready):
            found[ready, T2] = self._largest(self._state[places[ready]], model.state_whiten, model.state_level).max(1)
            found[ready, SPE] = self._largest(self._error[places[ready]], model.error_whiten, model.error_level).max(1)
        return found

    def _imply(self, x: Numbers, predicted: Numbers, known: NDArray[np.bool_]) -> None:
        """Put what the others imply where nothing is known: the conditional mean of the errors."""
        inverse = self.model.precision[SPE][0]
        for row in np.flatnonzero(~known.all(axis=1)).tolist():
            there = known[row]
            x[row, ~there] = predicted[row, ~there]
            if there.any():
                pull = inverse[np.ix_(~there, there)] @ (x[row, there] - predicted[row, there])
                x[row, ~there] -= np.linalg.solve(inverse[np.ix_(~there, ~there)], pull)

    @staticmethod
    def _smooth(kept: Numbers, places: Index, lam: Numbers, rows: Numbers) -> None:
        kept[places] += lam[:, None] * (rows[:, None, :] - kept[places])

    @staticmethod
    def _largest(smoothed: Numbers, whiten: Numbers, level: Numbers) -> Numbers:
        """The statistic of each scale, (n, scales)."""
        white = np.matmul(smoothed[:, :, None, :], whiten)[:, :, 0, :]
        squares: Numbers = (white * white).sum(axis=2) / level
        return squares

    def contributions(self, place: int, which: int, most: int = 3) -> list[Contribution]:
        """Which tags make T² or SPE of a place what it is, on the scale that is furthest out; the largest first."""
        model = self.model
        smoothed = (self._state, self._error)[which][place]
        whiten = (model.state_whiten, model.error_whiten)[which]
        level = (model.state_level, model.error_level)[which]
        scale = int(self._largest(smoothed[None], whiten, level)[0].argmax())
        inverse = model.precision[which][scale]
        pull = inverse @ smoothed[scale]
        off = pull / np.diag(inverse)
        falls = off * pull
        share = falls / max(float(falls.sum()), np.finfo(float).tiny)
        order = np.argsort(-falls, kind="stable")[:most]
        named = [Contribution(int(tag), float(share[tag]), float(off[tag] * model.sigma[tag])) for tag in order]
        return named[:1] + [each for each in named[1:] if each.share >= LEAST_SHARE]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All of the state."""
        return {"rows": self.rows, "past": self._past, "error": self._error, "state": self._state}

    def load(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `arrays` told."""
        self.rows = arrays["rows"].astype(np.int64)
        self._past = arrays["past"].astype(np.float64)
        self._error = arrays["error"].astype(np.float64)
        self._state = arrays["state"].astype(np.float64)
