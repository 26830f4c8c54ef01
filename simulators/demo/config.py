"""The configuration that the demo's service runs with."""

from pathlib import Path
from string import Template

from domain.time import ScaledTime
from simulators.recipe import PHASES

_TEMPLATE = Path(__file__).with_name("thermowell.yaml.in")


def demo_config(
    scaled: ScaledTime,
    *,
    data: Path,
    http_port: int,
    opcua_url: str,
    mqtt_port: int,
    protocol: str,
    mail_port: int,
) -> str:
    """The text of `thermowell.yaml` for a demo whose servers are at these addresses; `protocol` is MQTT's."""
    phases = ", ".join(f"{phase.code}: {phase.name}" for phase in PHASES if phase.name != "idle")
    return Template(_TEMPLATE.read_text()).substitute(
        data=_quoted(str(data)),
        http_port=http_port,
        opcua_url=opcua_url,
        mqtt_port=mqtt_port,
        protocol=protocol,
        mail_port=mail_port,
        speed=f"{scaled.speed:g}",
        wall_origin=scaled.wall_origin_ns,
        plant_origin=scaled.plant_origin_ns,
        phases="{" + phases + ', 0: ""}',
    )


def _quoted(text: str) -> str:
    """A YAML string in single quotes, whatever is in it."""
    return "'" + text.replace("'", "''") + "'"
