"""Metal etch, 127 wafers: a wafer is judged by wafers before it only."""

from tests.bench.detection.section import Run, Section

SOURCE = "github.com/ML-PSE/Machine_Learning_for_PSE (Apache-2.0)"


def measure(run: Run) -> list[Section]:
    """Nothing is measured yet."""
    run.folder("etch", SOURCE)
    return []
