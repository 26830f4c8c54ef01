"""The table over many runs: what held, what was missed, and what came to no end."""

import json
from pathlib import Path

from service.bench.outputs import Crash
from service.bench.reading import find, read_scenario
from service.bench.tables import write_page, write_table

CRASH = Crash(read_scenario(find("leak-small")), "thermowell bench run leak-small", "KeyError: 'pressure'")


def test_a_run_that_came_to_no_end_stands_in_the_table(tmp_path: Path) -> None:
    write_table([CRASH], tmp_path)
    (row,) = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))

    assert (row["held"], row["failures"]) == (False, ["the run itself failed: KeyError: 'pressure'"])
    assert "| leak-small | 16 | 1.5 | came to no end |" in (tmp_path / "table.md").read_text(encoding="utf-8")


def test_the_page_says_what_each_scenario_teaches(tmp_path: Path) -> None:
    write_page([CRASH], tmp_path / "page.md")

    assert f"- **leak-small**: {CRASH.scenario.teaches}" in (tmp_path / "page.md").read_text(encoding="utf-8")
