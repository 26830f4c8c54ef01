"""Models of the small plant, made of made-up runs."""

import functools
import hashlib
from dataclasses import asdict

import numpy as np

from detectors.models.batch import References
from detectors.models.batch_fitting import fit_batch
from detectors.models.fitting import Fitting, calibrated, fit
from domain.models import Model, ModelKind
from tests.unit.detectors.plant import SECOND

QUICK = Fitting(lags=1, ridge=1.0, margin=1.5)


def dose(seed: int, cells: int = 300) -> np.ndarray:
    """TT and PT of a dose: the pressure follows the temperature."""
    random = np.random.default_rng(seed)
    wander = np.zeros(cells)
    for cell in range(1, cells):
        wander[cell] = 0.9 * wander[cell - 1] + random.normal(0, 0.2)
    temperature = 60.0 + wander
    return np.stack(
        [temperature + random.normal(0, 0.05, cells), 0.2 + 0.02 * wander + random.normal(0, 0.002, cells)], 1
    )


@functools.cache
def model(kind: ModelKind = ModelKind.MULTIVARIATE, name: str = "dose", **changed: object) -> Model:
    """A model of R101's dose on cells of two seconds."""
    least = int(changed.get("least_references", 0))
    if kind is ModelKind.MULTIVARIATE:
        fitted = calibrated(fit([dose(1), dose(2)], QUICK), [dose(seed) for seed in range(3, 9)], QUICK)
    else:
        runs = [dose(seed, 60) for seed in range(130, 170)]
        fitted = fit_batch([runs[:15]], [runs[15:]], References(least, 4))
    made = {
        "name": name,
        "kind": kind,
        "hash": "",
        "trainer": "Ada",
        "units": ("R101",),
        "product": "",
        "phase": "dose",
        "parameters": ("TT", "PT"),
        "every_ns": 2 * SECOND,
        "after_ns": 0,
        "stale_ns": 60 * SECOND,
        "most_missing": 0.5,
        "on": 2,
        "off": 4,
        "back": 0.8,
        "least_references": least,
        "most_references": 4,
        "warped": False,
        "arrays": asdict(fitted),
        **changed,
    }
    text = repr({key: value for key, value in made.items() if key != "arrays"})
    return Model(**{**made, "hash": hashlib.sha256(text.encode()).hexdigest()})  # type: ignore[arg-type]
