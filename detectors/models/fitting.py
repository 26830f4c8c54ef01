"""Fit a multivariate model to stretches of normal operation, and set its limits on others.

Nothing here judges; it makes what judges, which is then frozen. Rows are given in stretches (a run of a phase, a file):
a prediction never looks across the end of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from detectors.models.multivariate import SPE, T2, Multivariate, Numbers, Statistics

_BLOCKS = 5
_FOLDS = 10


@dataclass(frozen=True, slots=True)
class Fitting:
    """How a model is fitted. The defaults were chosen on one normal run of the Tennessee Eastman process.

    `ridge` holds the weights of the prediction small, in rows; `shrink` draws the covariances of the smoothed vectors
    towards their diagonal, and `prior` adds that share of what they would be if the vectors were independent in time.
    A limit is `margin` times the largest statistic of the stretches that it is set on.
    """

    lags: int = 2
    ridge: float = 100.0
    error_lam: tuple[float, ...] = (1.0, 0.3, 0.1)
    state_lam: tuple[float, ...] = (1.0, 0.3)
    shrink: float = 0.1
    state_shrink: float = 0.3
    prior: float = 0.3
    quantile: float = 0.99
    margin: float = 1.25


USUAL = Fitting()


def fit(stretches: Sequence[Numbers], how: Fitting = USUAL, floor: Numbers | None = None) -> Multivariate:
    """Fit everything but levels and limits, which are 1 and infinite: `calibrated` sets them.

    `stretches`: (n, d) each, in the tags' units, without holes. `floor`: the least sigma of each tag that matters.
    ValueError where there are too few rows.
    """
    rows = np.concatenate(list(stretches))
    d = rows.shape[1]
    if sum(len(each) > how.lags for each in stretches) < 1 or len(rows) < _BLOCKS * (how.lags + 1):
        message = f"{len(rows)} rows are too few to fit {how.lags} lags of {d} tags"
        raise ValueError(message)
    mean, sigma = rows.mean(axis=0), rows.std(axis=0)
    sigma = np.maximum(sigma, floor) if floor is not None else sigma
    sigma = np.where(sigma > 0, sigma, 1.0)
    scaled = [(each - mean) / sigma for each in stretches if len(each) > how.lags]
    past = np.concatenate([_past(each, how.lags) for each in scaled])
    now = np.concatenate([each[how.lags :] for each in scaled])
    ends = np.cumsum([len(each) - how.lags for each in scaled])[:-1]
    weights = _ridge(past, now, how.ridge)
    errors = np.split(_held_out_errors(past, now, how.ridge), ends)
    states = np.split(past @ weights, ends)
    error_lam, state_lam = np.array(how.error_lam), np.array(how.state_lam)
    return Multivariate(
        mean,
        sigma,
        weights,
        error_lam,
        np.stack([_whitening(errors, lam, how.shrink, how.prior) for lam in how.error_lam]),
        np.ones(len(error_lam)),
        state_lam,
        np.stack([_whitening(states, lam, how.state_shrink, how.prior) for lam in how.state_lam]),
        np.ones(len(state_lam)),
        np.full(2, np.inf),
    )


def calibrated(model: Multivariate, stretches: Sequence[Numbers], how: Fitting = USUAL) -> Multivariate:
    """Set levels and limits on normal stretches that the model was not fitted on.

    ValueError where there is no row to judge.
    """
    return _limited(model, [_by_scale(model, rows) for rows in stretches], how)


def cross_fitted(stretches: Sequence[Numbers], how: Fitting = USUAL) -> Multivariate:
    """Fit to all stretches; levels and limits are set on each as a model says of it that was fitted to others.

    So every stretch tells how large a statistic becomes where nothing was fitted to it; a few held-out ones alone tell
    too little. ValueError as for `fit`.
    """
    found: list[tuple[Numbers, Numbers]] = []
    for held in folds(len(stretches)):
        model = fit([each for place, each in enumerate(stretches) if place not in held], how)
        found += [_by_scale(model, stretches[place]) for place in held]
    return _limited(fit(stretches, how), found, how)


def folds(count: int) -> list[list[int]]:
    """So many runs in ten groups of neighbours or, where there are fewer, each by itself."""
    return [group.tolist() for group in np.array_split(np.arange(count), min(count, _FOLDS))]


def _limited(model: Multivariate, found: Sequence[tuple[Numbers, Numbers]], how: Fitting) -> Multivariate:
    """With levels and limits, from the statistics of each stretch by scale."""
    state, error = ([pair[which] for pair in found if len(pair[which])] for which in (0, 1))
    if not state:
        raise ValueError("there is no row to set limits on")
    levelled = replace(
        model,
        state_level=np.maximum(np.quantile(np.concatenate(state), how.quantile, axis=0), 1e-12),
        error_level=np.maximum(np.quantile(np.concatenate(error), how.quantile, axis=0), 1e-12),
    )
    limits = np.empty(2)
    for which, told, level in ((T2, state, levelled.state_level), (SPE, error, levelled.error_level)):
        limits[which] = how.margin * float((np.concatenate(told) / level).max())
    return replace(levelled, limits=limits)


def judged(model: Multivariate, rows: Numbers) -> Numbers:
    """T² and SPE of each row of one stretch, (n, 2) in limits; NaN until there is a past."""
    statistics = Statistics(model, 1)
    place = np.zeros(1, dtype=np.intp)
    known = np.isfinite(rows)
    found = [statistics.step(place, row[None], there[None])[0] for row, there in zip(rows, known, strict=True)]
    return np.array(found).reshape(-1, 2) / model.limits


def _by_scale(model: Multivariate, rows: Numbers) -> tuple[Numbers, Numbers]:
    """The statistics of every scale and row of one stretch: (n, scales) of the states and of the errors."""
    x = (rows - model.mean) / model.sigma
    if len(x) <= model.lags:
        return np.empty((0, len(model.state_lam))), np.empty((0, len(model.error_lam)))
    state = _past(x, model.lags) @ model.weights
    error = x[model.lags :] - state
    return (
        _squares(state, model.state_lam, model.state_whiten),
        _squares(error, model.error_lam, model.error_whiten),
    )


def _squares(rows: Numbers, lams: Numbers, whiten: Numbers) -> Numbers:
    columns = [np.square(_smoothed(rows, float(lam)) @ each).sum(1) for lam, each in zip(lams, whiten, strict=True)]
    return np.stack(columns, axis=1)


def _past(x: Numbers, lags: int) -> Numbers:
    """For each row from `lags` on the rows before it side by side, the newest first."""
    return np.hstack([x[lags - lag : len(x) - lag] for lag in range(1, lags + 1)])


def _ridge(past: Numbers, now: Numbers, ridge: float) -> Numbers:
    return np.asarray(np.linalg.solve(past.T @ past + ridge * np.eye(past.shape[1]), past.T @ now), np.float64)


def _held_out_errors(past: Numbers, now: Numbers, ridge: float) -> Numbers:
    """Each row's error by weights that were fitted to other rows, in blocks: the fit's own errors are too small."""
    errors = np.empty_like(now)
    block = np.arange(len(now)) * _BLOCKS // len(now)
    for number in range(_BLOCKS):
        own = block == number
        errors[own] = now[own] - past[own] @ _ridge(past[~own], now[~own], ridge)
    return errors


def _smoothed(rows: Numbers, lam: float) -> Numbers:
    kept = np.zeros(rows.shape[1])
    smoothed = np.empty_like(rows)
    for index, row in enumerate(rows):
        kept = kept + lam * (row - kept)
        smoothed[index] = kept
    return smoothed


def _whitening(stretches: Sequence[Numbers], lam: float, shrink: float, prior: float) -> Numbers:
    """A matrix that makes the smoothed rows uncorrelated and of unit variance; the rows of the warm-up are left out."""
    warm = 0 if lam == 1.0 else round(1.0 / lam)
    kept = [_smoothed(each, lam)[warm:] for each in stretches]
    smoothed = np.concatenate(kept)
    rows = np.concatenate(list(stretches))
    if len(smoothed) < 2:
        smoothed = rows
    covariance = smoothed.T @ smoothed / len(smoothed)
    covariance = (1.0 - shrink) * covariance + shrink * np.diag(np.diag(covariance))
    if lam < 1.0:
        covariance += prior * lam / (2.0 - lam) * np.atleast_2d(np.cov(rows.T))
    # A tag that never moved has no variance; the least that counts keeps it from weighing without bound.
    covariance += 1e-6 * np.eye(len(covariance))
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)).T, np.float64)
