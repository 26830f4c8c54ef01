"""Fit a batch model to normal runs of a phase: the course and its spread, the features' spreads, and the limits.

Nothing here judges; it makes what judges, which is then frozen. Runs are given by campaign, in the order in which they
were made, because a batch is compared with those before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.models.batch import (
    FEATURE,
    Aligner,
    BatchModel,
    References,
    deviation,
    deviations_from_before,
    feature_floor,
    feature_limit,
    features,
    largest,
)
from detectors.models.fitting import folds
from detectors.models.multivariate import Numbers

Campaign = Sequence[Numbers]
"""Runs of one campaign, oldest first: (cells, d) each, NaN where nothing is known."""

LEAST_RUNS = 5


@dataclass(frozen=True, slots=True)
class BatchFitting:
    """How a batch model is fitted.

    `around`: cells on either side that a cell's spread is taken with. `alpha`: the probability of a false alarm of one
    phase that the features' limit is made for. The tube's limit, and the features' where that is larger, is `margin`
    times the largest deviation in runs that nothing was fitted on.
    """

    around: int = 5
    alpha: float = 0.002
    margin: float = 1.25
    warped: bool = False


USUAL_BATCH = BatchFitting()


def fit_batch(
    campaigns: Sequence[Campaign],
    held_out: Sequence[Campaign],
    references: References,
    how: BatchFitting = USUAL_BATCH,
    floor: Numbers | None = None,
) -> BatchModel:
    """Fit to campaigns and set limits on others. ValueError where there are too few runs.

    `floor`: the least spread of each tag that matters, in its unit.
    """
    if not any(len(campaign) > references.least for campaign in held_out):
        raise ValueError(f"it takes {references.least + 1} runs of one campaign held out to set limits")
    model, freedom = _fit(campaigns, references, how, floor)
    return _limited(model, *batch_scores(model, held_out, references, warped=how.warped), how, freedom)


def cross_fitted_batch(
    campaigns: Sequence[Campaign],
    references: References,
    how: BatchFitting = USUAL_BATCH,
    floor: Numbers | None = None,
) -> BatchModel:
    """Fit to all runs; limits are set on each as a model says of it that was fitted to others. ValueError as above."""
    places = [(number, at) for number, campaign in enumerate(campaigns) for at in range(len(campaign))]
    tube, feature = [], []
    for group in folds(len(places)):
        held = {places[each] for each in group}
        others = [
            [run for at, run in enumerate(campaign) if (number, at) not in held]
            for number, campaign in enumerate(campaigns)
        ]
        model, _ = _fit([each for each in others if each], references, how, floor)
        for number in sorted({number for number, _ in held}):
            judged = [at for at in range(len(campaigns[number])) if at >= references.least]
            scores = batch_scores(model, [campaigns[number]], references, warped=how.warped)
            for at, one, other in zip(judged, *scores, strict=True):
                if (number, at) in held:
                    tube.append(one)
                    feature.append(other)
    model, freedom = _fit(campaigns, references, how, floor)
    return _limited(model, np.array(tube), np.array(feature), how, freedom)


def _fit(
    campaigns: Sequence[Campaign], references: References, how: BatchFitting, floor: Numbers | None
) -> tuple[BatchModel, int]:
    """A model without limits, and how many deviations its spreads were made of."""
    runs = [run for campaign in campaigns for run in campaign]
    if len(runs) < LEAST_RUNS:
        raise ValueError(f"{len(runs)} runs are too few: it takes {LEAST_RUNS} to fit")
    resolution = _resolution(runs)
    told = [[features(run, np.isfinite(run), resolution) for run in campaign] for campaign in campaigns]
    centre = np.nanmean(np.stack([each for campaign in told for each in campaign]), axis=0)
    off = _deviations(told, references, centre)
    scale = np.sqrt(np.nanmean(np.square(np.stack(off)), axis=0) + feature_floor(resolution) ** 2)
    least = resolution if floor is None else np.maximum(floor, resolution)
    recentred = _recentred(campaigns, told, references, centre)
    course, spread = _course(recentred, np.maximum(least, 1e-9), how)
    return BatchModel(resolution, course, spread, centre, scale, np.full(2, np.inf)), len(off)


def _deviations(told: Sequence[Sequence[Numbers]], references: References, centre: Numbers) -> list[Numbers]:
    if references.least == 0:
        return [deviation(each, centre[None]) for campaign in told for each in campaign]
    off = [each for campaign in told for each in deviations_from_before(campaign, references, references.least)]
    if len(off) < LEAST_RUNS:
        raise ValueError(f"only {len(off)} runs have {references.least} before them in their campaign: too few to fit")
    return off


def _recentred(
    campaigns: Sequence[Campaign], told: Sequence[Sequence[Numbers]], references: References, centre: Numbers
) -> list[Numbers]:
    """The runs less what sets their campaign apart, as it was known before each."""
    tags = len(centre) // 2
    found = []
    for campaign, own in zip(campaigns, told, strict=True):
        for number, run in enumerate(campaign):
            before = own[max(0, number - references.most) : number]
            if references.least == 0:
                found.append(run)
            elif len(before) >= references.least:
                found.append(run - (np.stack(before)[:, :tags].mean(axis=0) - centre[:tags]))
    return found


def _course(runs: Sequence[Numbers], least: Numbers, how: BatchFitting) -> tuple[Numbers, Numbers]:
    """The middle and the spread at each cell that at least five runs have, or all where there are fewer."""
    length = sorted((len(run) for run in runs), reverse=True)[min(LEAST_RUNS, len(runs)) - 1]
    aligned = [_padded(run, length) for run in runs]
    course, spread = _middle(aligned, least, how.around)
    if how.warped:
        shape = next(run for run in sorted(runs, key=len)[len(runs) // 2 :])
        course, spread = _filled(shape, least), np.broadcast_to(least + np.nanstd(shape, axis=0), shape.shape)
        for _ in range(2):
            course, spread = _middle([_warped(run, course, spread) for run in runs], least, how.around)
    return course, spread


def _middle(aligned: Sequence[Numbers], least: Numbers, around: int) -> tuple[Numbers, Numbers]:
    stacked = np.stack(aligned)
    known = np.isfinite(stacked)
    count = known.sum(axis=0)
    course = np.where(known, stacked, 0.0).sum(axis=0) / np.maximum(count, 1)
    squares = np.where(known, np.square(stacked - course), 0.0).sum(axis=0)
    # One degree of freedom goes into the middle of each cell.
    freedom = np.maximum(count - 1, 0)
    spread = np.sqrt(_around(squares, around) / np.maximum(_around(freedom, around), 1))
    return _filled(np.where(count > 0, course, np.nan), least), np.sqrt(np.square(spread) + np.square(least))


def _around(columns: Numbers, cells: int) -> Numbers:
    """The sum over a cell and those on either side."""
    total = np.vstack([np.zeros(columns.shape[1]), np.cumsum(columns, axis=0)])
    at = np.arange(len(columns))
    found: Numbers = total[np.minimum(at + cells + 1, len(columns))] - total[np.maximum(at - cells, 0)]
    return found


def _filled(course: Numbers, least: Numbers) -> Numbers:
    """Cells of which nothing is known take the one before, and the first known one before that."""
    filled = course.copy()
    for column in range(len(least)):
        there = np.flatnonzero(np.isfinite(filled[:, column]))
        if not len(there):
            raise ValueError("a tag has no value in any run")
        nearest = there[np.clip(np.searchsorted(there, np.arange(len(filled)), side="right") - 1, 0, None)]
        filled[:, column] = filled[nearest, column]
    return filled


def _padded(run: Numbers, length: int) -> Numbers:
    longer = np.full((length, run.shape[1]), np.nan)
    longer[: min(length, len(run))] = run[:length]
    return longer


def _warped(run: Numbers, course: Numbers, spread: Numbers) -> Numbers:
    """The means of a run's rows at each place of the course."""
    aligner = Aligner(course, spread)
    total, count = np.zeros_like(course), np.zeros_like(course)
    for row in run:
        known = np.isfinite(row)
        place = aligner.place(np.where(known, row, 0.0), known)
        total[place] += np.where(known, row, 0.0)
        count[place] += known
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _limited(model: BatchModel, tube: Numbers, feature: Numbers, how: BatchFitting, freedom: int) -> BatchModel:
    """With limits, from the largest deviations of runs that nothing was fitted on."""
    tube, feature = tube[np.isfinite(tube)], feature[np.isfinite(feature)]
    if not len(tube):
        raise ValueError("no held-out run can be judged")
    by_design = feature_limit(how.alpha, len(model.feature_scale), freedom)
    limits = np.array([how.margin * float(np.max(told, initial=0.0)) for told in (tube, feature)])
    limits[FEATURE] = max(limits[FEATURE], by_design)
    return BatchModel(model.resolution, model.course, model.spread, model.feature_mean, model.feature_scale, limits)


def batch_scores(
    model: BatchModel, campaigns: Sequence[Campaign], references: References, *, warped: bool = False
) -> tuple[Numbers, Numbers]:
    """Each judged run's largest deviation from the tube and of its features, in spreads."""
    tags = model.tags
    tubes, ends = [], []
    for campaign in campaigns:
        told = [features(run, np.isfinite(run), model.resolution) for run in campaign]
        for number, run in enumerate(campaign):
            before = told[max(0, number - references.most) : number]
            if len(before) < references.least:
                continue
            centre = np.stack(before) if references.least else model.feature_mean[None]
            offset = centre[:, :tags].mean(axis=0) - model.feature_mean[:tags]
            tubes.append(_tube(model, run - offset, warped=warped))
            ends.append(largest(deviation(told[number], centre) / model.feature_scale))
    return np.array(tubes), np.array(ends)


def _tube(model: BatchModel, run: Numbers, *, warped: bool) -> float:
    length = min(len(run), len(model.course))
    if not warped:
        return largest((run[:length] - model.course[:length]) / model.spread[:length])
    aligner = Aligner(model.course, model.spread)
    most = 0.0
    for row in run:
        known = np.isfinite(row)
        place = aligner.place(np.where(known, row, 0.0), known)
        most = max(most, float(np.nan_to_num(largest((row - model.course[place]) / model.spread[place]))))
    return most


def _resolution(runs: Sequence[Numbers]) -> Numbers:
    """The smallest step between values of each tag; 0 where it never moved."""
    steps = [np.diff(np.unique(column[np.isfinite(column)])) for column in np.concatenate(list(runs)).T]
    return np.array([each.min() if len(each) else 0.0 for each in steps])
