"""Tennessee Eastman, classic files: limits from rows 50-479 of d00_te, false alarms counted on its rows 480-959."""

from tests.bench.detection.section import Run, Section

SOURCE = "github.com/camaramm/tennessee-eastman-profBraatz (University of Illinois)"


def measure(run: Run) -> list[Section]:
    """Nothing is measured yet."""
    run.folder("tep", SOURCE)
    return []
