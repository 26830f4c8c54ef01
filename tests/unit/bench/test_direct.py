"""The detectors alone are not asked for what befalls network and servers, and the line says so."""

from dataclasses import replace
from pathlib import Path

from service.bench.direct import run_direct
from service.bench.reading import read_scenario
from service.bench.run import run_scenario

TEXT = """\
name: a-cut
teaches: The network is away for two minutes.
lasts: 10min
faults: [{kind: cut, on: opcua, start: 2min, lasts: 2min}]
acceptance: {found: all, delay: {cut: 1min}}
"""


def test_a_cut_is_not_asked_of_the_detectors_alone(tmp_path: Path):
    file = tmp_path / "a-cut.yaml"
    file.write_text(TEXT)
    scenario = replace(read_scenario(file), seed=3)
    outcome = run_scenario(scenario, tmp_path / "out", run_direct, repeat="")

    assert outcome.failures == ()
    assert outcome.score.found["fault"].trials == 0
    assert outcome.line().endswith("; 1 of network and servers not asked")
    assert '"cut"' in (tmp_path / "out" / "truth.json").read_text()
