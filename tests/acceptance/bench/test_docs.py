"""What docs/bench.md says can be done can be done."""

import re
import shlex
from pathlib import Path

import pytest
from pydantic import BaseModel

from service.bench import schema
from service.bench.reading import find, read_scenario
from service.bench.run import OUTPUTS
from service.cli import _parser
from service.cli.bench import VERBS
from tests.acceptance.service.running import ROOT

DOCS = (ROOT / "docs" / "bench.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", DOCS, re.DOTALL) for line in block.splitlines() if "bench" in line
]
SCENARIOS = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
SECTIONS = [
    each
    for each in vars(schema).values()
    if isinstance(each, type) and issubclass(each, BaseModel) and each.__module__ == schema.__name__
]


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("thermowell ")])
def test_every_command_is_understood(line):
    options = _parser("bench").parse_args(shlex.split(line)[1:])

    assert options.bench_verb in VERBS


@pytest.mark.parametrize("text", SCENARIOS)
def test_every_example_is_a_scenario(tmp_path, text):
    file = tmp_path / "example.yaml"
    file.write_text(text, encoding="utf-8")

    assert read_scenario(file).file == str(file)


def test_every_scenario_that_is_named_is_in_the_library():
    named = {word for line in COMMANDS for word in re.findall(r"bench (?:run|serve) ([a-z-]+)(?: |$)", line)}

    assert [find(name).stem for name in named] == list(named)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_a_scenario_is_explained(section):
    keys = [field.alias or name for name, field in section.model_fields.items()]

    assert [key for key in keys if not re.search(rf"\b{key}\b", DOCS.replace("_", "_"))] == []


def test_every_file_of_a_run_is_explained():
    assert [name for name in OUTPUTS if f"`{name}`" not in DOCS] == []


def test_pictures_and_pages_that_are_referred_to_exist():
    targets = [Path(target) for target in re.findall(r"\]\(([^)#]+)\)", DOCS)]

    assert [target for target in targets if not (ROOT / "docs" / target).is_file()] == []
