"""Figures as Prometheus reads them, judged by Prometheus' own checker and parsers."""

import math
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus_text

from api.exposition import exposition
from domain.figures import FIGURES, Figure, Histogram, Reading, Spread
from tests.patience import LIMIT_S
from tests.unit.api.conftest import World

PROMTOOL = shutil.which("promtool")
METRICS_PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def one_of_each() -> list[Reading]:
    """A reading of every figure, by two values of each of its labels."""
    return [
        Reading(name, a_value(figure), tuple(f"{label} {which}" for label in figure.labels))
        for name, figure in FIGURES.items()
        for which in ((1, 2) if figure.labels else (1,))
    ]


def a_value(figure: Figure) -> float | Spread:
    if figure.kind != "histogram":
        return 1.5
    return Spread([1] * (len(figure.bounds) + 1), 3.25)


def told(*readings: Reading, accept: str = "") -> str:
    return exposition(readings, accept)[0].decode()


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian's package prometheus)")
def test_promtool_finds_nothing_to_say_of_any_figure() -> None:
    assert PROMTOOL is not None
    ran = subprocess.run(
        [PROMTOOL, "check", "metrics"],
        check=False,
        input=told(*one_of_each()),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )

    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_two_processes_that_tell_the_same_figure_share_its_head() -> None:
    name = "thermowell_process_threads"
    text = told(Reading(name, 7, ("core",)), Reading("thermowell_ready", 1), Reading(name, 3, ("web",)))

    assert text.splitlines()[-3:] == [
        "# TYPE thermowell_process_threads gauge",
        'thermowell_process_threads{process="core"} 7.0',
        'thermowell_process_threads{process="web"} 3.0',
    ]
    assert text.count("# HELP thermowell_process_threads ") == 1


def test_a_name_from_outside_cannot_write_lines_of_its_own() -> None:
    evil = 'x"} 0\nthermowell_ready 1\n\\'
    text = told(Reading("thermowell_source_connected", 1, (evil,)))

    assert "\nthermowell_ready" not in text
    assert [each.samples[0].labels for each in prometheus_text(text)] == [{"source": evil}]


def test_a_histogram_counts_what_is_below_each_bound() -> None:
    histogram = Histogram("thermowell_journal_commit_seconds")
    for seconds in (0.0005, 0.001, 0.02, 99.0):
        histogram.add(seconds)
    samples = {
        each.labels.get("le", each.name.rpartition("_")[2]): each.value
        for family in prometheus_text(told(histogram.reading()))
        for each in family.samples
    }

    assert (samples["0.001"], samples["0.025"], samples["10.0"], samples["+Inf"]) == (2, 3, 3, 4)
    assert (samples["count"], math.isclose(samples["sum"], 99.0215)) == (4, True)


def test_openmetrics_is_told_to_whoever_asks_for_it() -> None:
    text, media_type = exposition(one_of_each(), "application/openmetrics-text; version=1.0.0")

    assert media_type.startswith("application/openmetrics-text")
    assert len(list(open_metrics(text.decode()))) == len(FIGURES)


def test_what_a_newer_process_tells_is_left_out() -> None:
    assert told(Reading("thermowell_of_tomorrow", 1)) == ""


def test_the_page_of_figures_is_the_table_of_figures() -> None:
    rows = [
        f"| `{name}` | {figure.kind} | {', '.join(figure.labels)} | {figure.help} |" for name, figure in FIGURES.items()
    ]
    page = METRICS_PAGE.read_text(encoding="utf-8")

    assert [line for line in page.splitlines() if line.startswith("| `")] == rows


async def test_the_route_tells_whoever_may_read(world: World, client: httpx.AsyncClient) -> None:
    await client.get("/v1/nothing")
    answered = await client.get("/metrics")

    assert answered.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'thermowell_web_requests_total{status="404"} 1.0' in answered.text
