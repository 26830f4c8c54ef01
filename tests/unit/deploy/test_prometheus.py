"""The alerts and the scrape example are known to Prometheus, and speak of figures that exist."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from domain.figures import FIGURES
from tests.patience import LIMIT_S

FOLDER = Path(__file__).parents[3] / "deploy" / "prometheus"
PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian's package prometheus)")
def test_promtool_takes_the_example_and_its_alerts() -> None:
    assert PROMTOOL is not None
    ran = subprocess.run(
        [PROMTOOL, "check", "config", str(FOLDER / "prometheus.yml")],
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )

    assert (ran.returncode, "rules found" in ran.stdout) == (0, True), ran.stderr


def test_every_figure_that_an_alert_asks_for_exists() -> None:
    asked = set(re.findall(r"thermowell_\w+", (FOLDER / "thermowell.rules.yml").read_text(encoding="utf-8")))

    assert {name.removesuffix("_bucket") for name in asked} <= FIGURES.keys()
