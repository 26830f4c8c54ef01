"""The configuration that the demo's service runs with."""

from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Final

from domain.time import ScaledTime
from simulators.recipe import PHASES

_TEMPLATE = Path(__file__).with_name("thermowell.yaml.in")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the demo's servers are; `protocol` is MQTT's."""

    opcua_url: str
    mqtt_port: int
    protocol: str
    http_port: int
    mail_port: int


NOWHERE: Final = Addresses("opc.tcp://127.0.0.1:1/", 1, "5", 1, 1)
"""For who wants the configuration without its servers."""


def demo_config(servers: Addresses, data_dir: str, clock: ScaledTime | str) -> str:
    """The text of `thermowell.yaml` for a demo; `clock` is the plant's, or the name of the file that says it."""
    if isinstance(clock, str):
        told = f"{{file: '{_quoted(clock)}'}}"
    else:
        told = f"{{speed: {clock.speed:g}, wall_origin: {clock.wall_origin_ns}, plant_origin: {clock.plant_origin_ns}}}"
    phases = ", ".join(f"{phase.code}: {phase.name}" for phase in PHASES if phase.name != "idle")
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        asdict(servers),
        data_dir=f"'{_quoted(data_dir)}'",
        clock=told,
        phases="{" + phases + ', 0: ""}',
    )


def _quoted(text: str) -> str:
    """A text between YAML's single quotes."""
    return text.replace("'", "''")
