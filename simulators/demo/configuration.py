"""The configuration that the demo's service runs with."""

from pathlib import Path
from string import Template

from simulators.recipe import PHASES

_TEMPLATE = Path(__file__).with_name("thermowell.yaml.in")


def demo_config(  # noqa: PLR0913 - the numbers that the demo's processes share
    *,
    opcua_url: str,
    mqtt_port: int,
    http_port: int,
    mail_port: int,
    protocol: str,
    data_dir: str,
    speed: float,
    wall_origin_ns: int,
    plant_origin_ns: int,
    clock_file: str = "",
) -> str:
    """The text of `thermowell.yaml` for a demo whose servers are at these addresses; `protocol` is MQTT's.

    With a `clock_file` the plant's clock is followed there; else it is the three numbers.
    """
    clock = f"{{speed: {speed:g}, wall_origin: {wall_origin_ns}, plant_origin: {plant_origin_ns}}}"
    phases = ", ".join(f"{phase.code}: {phase.name}" for phase in PHASES if phase.name != "idle")
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        opcua_url=opcua_url,
        mqtt_port=mqtt_port,
        http_port=http_port,
        mail_port=mail_port,
        protocol=protocol,
        data_dir=f"'{_quoted(data_dir)}'",
        speed=f"{speed:g}",
        clock=f"{{file: '{_quoted(clock_file)}'}}" if clock_file else clock,
        phases="{" + phases + ', 0: ""}',
    )


def _quoted(text: str) -> str:
    """A text between YAML's single quotes."""
    return text.replace("'", "''")
