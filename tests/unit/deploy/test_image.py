"""The Dockerfile copies what there is and nothing else, and what runs is nobody's root."""

import json
import re

import pytest

from tests.unit.deploy.reading import ROOT, compose_file, project, stages, text_of

FILES = {"requirements.lock", "pyproject.toml", "README.md", "LICENSE"}


def told(stage: list[tuple[str, str]], name: str) -> list[str]:
    return [rest for instruction, rest in stage if instruction == name]


def copied() -> set[str]:
    return {source for rest in told(stages()[0], "COPY") for source in rest.split()[:-1]}


def environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for rest in told(stages()[1], "ENV") for pair in rest.split())


def test_two_stages_begin_at_one_base_with_a_full_version() -> None:
    (build,), (runtime,) = (told(stage, "FROM") for stage in stages())

    assert build == runtime.replace(" AS runtime", " AS build")
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm AS build", build)
    assert compose_file()["services"]["thermowell"]["build"] == {"context": ".", "target": "runtime"}


def test_the_build_copies_the_packages_of_the_wheel_and_the_files_it_needs() -> None:
    packages = set(project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])

    assert copied() == packages | FILES
    assert all((ROOT / name).exists() for name in copied())


def test_the_runtime_gets_the_finished_environment_alone() -> None:
    assert told(stages()[1], "COPY") == ["--from=build /opt/thermowell /opt/thermowell"]


def test_everything_is_installed_from_the_hashed_lock() -> None:
    installs = [rest for rest in told(stages()[0], "RUN") if " install " in rest]

    assert len(installs) == 2
    assert installs[0].endswith("--require-hashes -r requirements.lock")
    assert "--no-deps --no-build-isolation" in installs[1]


def test_it_runs_as_a_number_that_is_not_root() -> None:
    (user,) = told(stages()[1], "USER")
    order = [name for name, _ in stages()[1]]

    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert order.index("USER") > max(place for place, name in enumerate(order) if name == "RUN")
    assert f"--uid {user.split(':')[0]} " in str(told(stages()[1], "RUN"))


def test_the_command_is_the_services_own_and_its_configuration_is_in_the_mounted_folder() -> None:
    runtime = stages()[1]
    volumes = compose_file()["services"]["thermowell"]["volumes"]

    assert json.loads(told(runtime, "ENTRYPOINT")[0]) == list(project()["project"]["scripts"])
    assert json.loads(told(runtime, "CMD")[0]) == ["run", "--config", "/plant/thermowell.yaml"]
    assert any(volume.endswith(":/plant:ro") for volume in volumes)


def test_the_health_check_asks_the_port_that_is_published() -> None:
    (health,) = told(stages()[1], "HEALTHCHECK")
    (port,) = told(stages()[1], "EXPOSE")
    command = json.loads(health.split("CMD ", 1)[1])

    assert environment()["THERMOWELL_READY_URL"] == f"http://127.0.0.1:{port}/-/ready"
    assert "THERMOWELL_READY_URL" in command[2]
    assert command[:2] == ["python", "-c"]
    compile(command[2], "health check", "exec")
    assert [f"127.0.0.1:{port}:{port}"] == compose_file()["services"]["thermowell"]["ports"]


@pytest.mark.parametrize("name", ["HOME", "PYTHONDONTWRITEBYTECODE"])
def test_nothing_is_written_beside_the_programs(name: str) -> None:
    assert environment()[name] in ("/tmp", "1")
    assert "/tmp" in compose_file()["services"]["thermowell"]["tmpfs"]


def test_the_builder_is_given_only_what_the_dockerfile_copies() -> None:
    """Everything is left out first, so a secret or a data folder beside the sources cannot come in."""
    lines = [line for line in text_of(".dockerignore").splitlines() if line and not line.startswith("#")]
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}

    assert lines[0] == "*"
    assert let_in == copied()
    assert {"**/__pycache__", "**/*.db", "**/*.key", "**/*.pem", "**/.*"} <= set(lines)
    assert max(lines.index(f"!{name}") for name in let_in) < lines.index("**/*.db"), "the last line that fits counts"
