"""Every scenario of the library against the service: `make soak`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.service.running import ROOT

_LONGEST_S = 3000


@pytest.mark.soak
@pytest.mark.timeout(_LONGEST_S + 100)
def test_no_scenario_of_the_library_loses_or_doubles_a_sample(tmp_path: Path):
    command = [sys.executable, "-m", "service.cli", "bench", "run", "--all", "--jobs", "2", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_LONGEST_S, check=False)

    # What is missed is in the table, honestly: only the input must not have been refused.
    assert done.returncode in (0, 1), done.stderr[-2000:]
    print((tmp_path / "table.md").read_text(encoding="utf-8"))
    rows = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert {row["scenario"]: (row["lost"], row["doubled"]) for row in rows if row["lost"] or row["doubled"]} == {}
    assert len(rows) == len(list((ROOT / "simulators/scenarios").glob("*.yaml")))


def test_the_page_of_scenarios_has_a_row_for_each_or_says_that_it_has_none():
    page = (ROOT / "docs/scenarios.md").read_text(encoding="utf-8")
    absent = {line.removeprefix("- not run: ") for line in page.splitlines() if line.startswith("- not run: ")}

    names = {file.stem for file in (ROOT / "simulators/scenarios").glob("*.yaml")}
    assert {name for name in names if f"| {name} |" not in page} == absent
