"""Fit a model to the first three quarters of the runs, with limits by cross-fitting, and measure it on the last."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from detectors.identity import detector_hash
from detectors.models.batch import BatchModel, References
from detectors.models.batch_fitting import BatchFitting, batch_scores, cross_fitted_batch
from detectors.models.fitting import Fitting, cross_fitted, judged
from detectors.models.latch import Latch, Patience
from detectors.models.multivariate import Multivariate
from domain.errors import Refused
from domain.models import ModelKind
from service.config.shape.models import ModelText
from service.models.files import Description
from service.models.runs import Numbers, PhaseRun, data_hash

LEAST_RUNS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What becomes a model file."""

    description: Description
    arrays: Mapping[str, Numbers]


@dataclass(frozen=True, slots=True)
class Training:
    """Who trains which model, when, and on which span of data (ns)."""

    name: str
    trainer: str
    now_ns: int
    from_ns: int
    to_ns: int


def train(text: ModelText, runs: Sequence[PhaseRun], who: Training, measures: Sequence[str] = ()) -> Trained:
    """Fit, set limits, measure. Refused where there are too few runs, or with a tag of which nothing is known.

    `measures`: what the parameters are counted in; empty where that is not known.
    """
    if len(runs) < LEAST_RUNS:
        raise Refused(f"{len(runs)} runs are too few: it takes {LEAST_RUNS}")
    fitting = len(runs) * 3 // 4
    fitted, measured_on = runs[:fitting], runs[fitting:]
    try:
        inner = _fitted(text, fitted)
    except ValueError as error:
        raise Refused(f"model {who.name}: {error}") from error
    description = Description(
        format=1,
        name=who.name,
        kind=text.kind,
        trainer=who.trainer,
        trained_ns=who.now_ns,
        units=list(text.units),
        product=text.product,
        phase=text.phase,
        parameters=list(text.parameters),
        every_ns=text.every,
        after_ns=text.after,
        stale_ns=text.stale,
        most_missing=text.most_missing,
        on=text.on,
        off=text.off,
        back=text.back,
        least_references=text.references.least,
        most_references=text.references.most,
        warped=text.warped,
        from_ns=who.from_ns,
        to_ns=who.to_ns,
        runs=[run.instance for run in runs],
        fitted_runs=fitting,
        limit_runs=fitting,
        data_hash=data_hash(runs),
        code_hash=detector_hash(),
        metrics=measured(text, inner, measured_on, before=fitted),
        measures=list(measures) or None,
    )
    arrays = {name: np.asarray(array, dtype=np.float64) for name, array in asdict(inner).items()}
    return Trained(description, arrays)


def _fitted(text: ModelText, runs: Sequence[PhaseRun]) -> Multivariate | BatchModel:
    if ModelKind(text.kind) is ModelKind.MULTIVARIATE:
        return cross_fitted([filled(run.values) for run in runs], Fitting(lags=text.lags))
    references = References(text.references.least, text.references.most)
    campaigns = [values for _, values in _campaigns(runs)]
    return cross_fitted_batch(campaigns, references, BatchFitting(warped=text.warped))


def filled(values: Numbers) -> Numbers:
    """A run without holes: a value holds until the next, and what comes before every tag was heard is left out."""
    known = np.isfinite(values)
    at = np.maximum.accumulate(np.where(known, np.arange(len(values))[:, None], -1), axis=0)
    whole = (at >= 0).all(axis=1)
    held: Numbers = np.take_along_axis(values, np.maximum(at, 0), axis=0)[whole]
    return held


def _campaigns(runs: Sequence[PhaseRun]) -> list[tuple[str, list[Numbers]]]:
    """The runs of each unit in their order: what a unit makes of one product is its campaign."""
    units = sorted({run.unit for run in runs})
    return [(unit, [run.values for run in runs if run.unit == unit]) for unit in units]


def _behind(text: ModelText, before: Sequence[PhaseRun], then: Sequence[PhaseRun]) -> list[list[Numbers]]:
    """The campaigns of runs, each with so many before it that the first of them can be judged."""
    earlier = dict(_campaigns(before))
    least = text.references.least
    return [[*(earlier.get(unit, [])[-least:] if least else []), *values] for unit, values in _campaigns(then)]


def measured(
    text: ModelText, inner: Multivariate | BatchModel, runs: Sequence[PhaseRun], before: Sequence[PhaseRun] = ()
) -> dict[str, float | None]:
    """How a model does on normal runs: those with an alarm, and alarms per week of the phase."""
    ratios = list(ratios_of(text, inner, runs, before).values())
    alarms = [alarms_in(text, each) for each in ratios]
    hours = sum(len(run.values) for run in runs) * text.every / 3.6e12
    largest = [float(np.nanmax(each)) for each in ratios if np.isfinite(each).any()]
    return {
        "runs": float(len(ratios)),
        "hours": hours,
        "runs_with_alarm": float(sum(count > 0 for count in alarms)),
        "alarms_per_week_in_phase": sum(alarms) / hours * 168.0 if hours else None,
        "largest_in_its_limit": max(largest, default=None),
    }


def ratios_of(
    text: ModelText, inner: Multivariate | BatchModel, runs: Sequence[PhaseRun], before: Sequence[PhaseRun] = ()
) -> dict[str, Numbers]:
    """Each judged run's statistics in their limits: by cell, or one row of a batch model; by the run's instance."""
    if isinstance(inner, Multivariate):
        return {run.instance: judged(inner, filled(run.values)) for run in runs}
    references = References(text.references.least, text.references.most)
    found: dict[str, Numbers] = {}
    for (unit, _), campaign in zip(_campaigns(runs), _behind(text, before, runs), strict=True):
        tube, feature = batch_scores(inner, [campaign], references, warped=text.warped)
        names = [run.instance for run in runs if run.unit == unit]
        pairs = [np.array([pair]) / inner.limits for pair in zip(tube, feature, strict=True)]
        found |= dict(zip(names[len(names) - len(pairs) :], pairs, strict=True))
    return found


def alarms_in(text: ModelText, ratios: Numbers) -> int:
    """How often something goes out, as the model would say it."""
    if ModelKind(text.kind) is ModelKind.BATCH:
        return int((ratios > 1.0).sum())
    latch, place = Latch((1, ratios.shape[1]), Patience(text.on, text.off, text.back)), np.zeros(1, dtype=np.intp)
    count, before = 0, np.zeros(ratios.shape[1], dtype=np.bool_)
    for row in ratios:
        out = latch.step(place, row[None], np.ones(len(row)))[0]
        count += int((out & ~before).sum())
        before = out.copy()
    return count
