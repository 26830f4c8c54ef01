"""What the README says can be done can be done."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from service.cli import VERBS, _parser
from tests.acceptance.service.running import ROOT
from tests.patience import LIMIT_S

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line]
TARGETS = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def thermowell(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", *words]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S, env=environment, check=False
    )


def test_every_make_command_is_a_target():
    used = {line.split()[1] for line in COMMANDS if line.startswith("make ")}

    assert used <= TARGETS


def test_the_table_names_every_verb():
    used = set(re.findall(r"^\| `thermowell (\w+)", README, re.MULTILINE))

    assert used == set(VERBS)


def documented() -> list[str]:
    """The `thermowell` commands of every page, without what a shell does with them."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    blocks = [block for page in pages for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)]
    lines = [line.split(" > ")[0] for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if re.match(r"(\S*/)?thermowell ", line)]


@pytest.mark.parametrize("line", documented())
def test_every_documented_command_is_understood(line):
    words = shlex.split(line, comments=True)[1:]

    assert _parser(words[0]).parse_args(words)


EACH_ALONE = """
import contextlib, io, json, sys
from service import cli

told = {}
for verb in list(cli.VERBS):
    for name in [name for name in sys.modules if name.partition(".")[0] == "service"]:
        del sys.modules[name]
    from service import cli
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            cli.main([verb, "--help"])
        except SystemExit as ended:
            told[verb] = [ended.code, out.getvalue()]
print(json.dumps(told))
"""
"""The help of each verb, loaded as if it were alone, in one process: libraries are loaded once."""


@pytest.fixture(scope="module")
def helps() -> dict[str, tuple[int, str]]:
    command = [sys.executable, "-c", EACH_ALONE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    return {verb: tuple(told) for verb, told in json.loads(done.stdout).items()}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(helps, verb):
    code, text = helps[verb]

    assert (code, f"usage: thermowell {verb}" in text) == (0, True)


def test_the_command_lists_its_verbs():
    told = thermowell("--help")

    assert (told.returncode, [verb for verb in VERBS if verb not in told.stdout]) == (0, [])


def test_the_example_configuration_is_fine(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "thermowell.yaml").write_text(example, encoding="utf-8")
    told = thermowell("check", "thermowell.yaml", folder=tmp_path)

    assert (told.returncode, told.stdout.startswith("thermowell.yaml: fine: 1 sources, 1 tags")) == (0, True)


def test_a_wrong_configuration_is_told_with_its_place_and_exit_code_2(tmp_path):
    (tmp_path / "thermowell.yaml").write_text("sources: {a: {opcua: {uri: x}}}\n", encoding="utf-8")
    told = thermowell("check", "thermowell.yaml", folder=tmp_path)

    assert told.returncode == 2
    assert "thermowell.yaml:1:23: sources.a.opcua.uri: is not a known key" in told.stderr


def test_a_broker_address_that_is_none_is_named(tmp_path):
    text = 'sources: {floor: {mqtt: {url: "http://127.0.0.1", topics: ["#"]}}}\n'
    (tmp_path / "thermowell.yaml").write_text(text, encoding="utf-8")
    told = thermowell("check", "thermowell.yaml", folder=tmp_path)

    assert (told.returncode, "thermowell.yaml:1:26: sources.floor.mqtt.url: 'http" in told.stderr) == (2, True)
