"""The files of the deployment, parsed."""

import re
import tomllib
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
NEEDED = re.compile(r"\$\{[A-Z_]+:\?[^}]+\}")


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def compose_file() -> Any:
    return read(text_of("docker-compose.yml"))


def project() -> Any:
    return tomllib.loads(text_of("pyproject.toml"))


def documented_configuration() -> str:
    """The first YAML of docs/production.md: what the docs tell to write beside the compose file."""
    return text_of("docs/production.md").split("```yaml\n")[1].split("```")[0]


def mosquitto_settings() -> dict[str, str]:
    lines = text_of("deploy/mosquitto/mosquitto.conf").splitlines()
    return dict(line.split(" ", 1) for line in lines if line and not line.startswith(("#", "log_type")))


def stages() -> list[list[tuple[str, str]]]:
    """The Dockerfile's instructions (name, rest), one list a stage."""
    joined = re.sub(r"\\\n\s*", "", text_of("Dockerfile"))
    instructions = [line.split(" ", 1) for line in joined.splitlines() if line and not line.startswith("#")]
    found: list[list[tuple[str, str]]] = []
    for name, rest in instructions:
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found
