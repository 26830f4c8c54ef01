"""One module publishes, below one topic of our own: nothing that it says can be a command, or come back as a value."""

import ast
from pathlib import Path

import pytest

from domain.errors import ConfigError
from service.config.build import load
from service.tellers import displays_of
from service.telling.mqtt_display import MqttDisplay, MqttPlace, base_of

ROOT = Path(__file__).parents[3]
ROOMS = ("domain", "collector", "detectors", "historian", "alarms", "records", "api", "dashboards", "service")
PUBLISHER = Path("service/telling/mqtt_display.py")


def publishes(file: Path) -> bool:
    """Whether a module names what paho publishes or leaves a will with, and reaches for paho."""
    text = file.read_text(encoding="utf-8")
    if "paho" not in text:
        return False
    tree = ast.parse(text)
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return any(module.startswith("paho") for module in modules) and bool(
        names & {"publish", "will_set", "_send_publish"}
    )


def test_one_module_of_the_program_publishes() -> None:
    found = [file.relative_to(ROOT) for room in ROOMS for file in (ROOT / room).rglob("*.py") if publishes(file)]
    assert found == [PUBLISHER]


def test_whatever_it_publishes_lies_below_its_own_topic() -> None:
    display = MqttDisplay(MqttPlace("127.0.0.1", 1, tls=False, client_id="x", base="thermowell/demo"))
    for topic in ("spBv1.0/plant/NCMD/edge", "thermowell/demolition/x", "plant/tt", "thermowell/demo"):
        with pytest.raises(AssertionError):
            display._publish(topic, b"1")


def test_a_site_is_one_level_whatever_it_is_called() -> None:
    assert base_of("thermowell", "a/b #+ü") == "thermowell/a_b____"


def configured(folder: Path, displays: str, topics: str = "[plant/#]") -> Path:
    file = folder / "thermowell.yaml"
    source = f"sources: {{floor: {{mqtt: {{url: 'mqtt://h', topics: {topics}}}}}}}"
    file.write_text(f"displays: {{mqtt: {displays}}}\n{source}\n")
    return file


@pytest.mark.parametrize(
    ("topic", "topics"),
    [
        ("thermowell", "[plant/#, spBv1.0/#]"),
        ("thermowell", "[thermowell]"),
        ("plants/alarms", "[plant/#, '+/events']"),
        ("a/b", "['a', 'a/c/#', '$share/g/c/#']"),
    ],
)
def test_a_topic_of_our_own_is_taken(tmp_path: Path, topic: str, topics: str) -> None:
    built = load(configured(tmp_path, f"{{url: 'mqtt://h', topic: {topic}}}", topics))
    assert [each.name for each in displays_of(built)] == ["mqtt"]


@pytest.mark.parametrize(
    ("topic", "topics", "why"),
    [
        ("spBv1.0", "[plant/#]", "commands to equipment"),
        ("x/spbv1.0/NCMD", "[plant/#]", "commands to equipment"),
        ("plant", "[plant/#]", "come back as a value"),
        ("plant/alarms", "[plant/#]", "come back as a value"),
        ("thermowell", "['#']", "come back as a value"),
        ("thermowell", "['+/+/alarms/TT~high']", "come back as a value"),
        ("thermowell", "[thermowell/north/status]", "come back as a value"),
        ("a/b", "['a/#']", "come back as a value"),
        ("a/b", "['$share/g/a/+/#']", "come back as a value"),
        ("'a/+'", "[plant/#]", "no topic of our own"),
        ("'$SYS'", "[plant/#]", "no topic of our own"),
        ("''", "[plant/#]", "no topic of our own"),
        ("/a", "[plant/#]", "no topic of our own"),
    ],
)
def test_a_topic_that_equipment_or_a_source_could_take_is_refused(
    tmp_path: Path, topic: str, topics: str, why: str
) -> None:
    with pytest.raises(ConfigError, match=why):
        load(configured(tmp_path, f"{{url: 'mqtt://h', topic: {topic}}}", topics))


def test_nothing_is_shown_elsewhere_unless_it_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "thermowell.yaml").write_text("site: demo\n")
    assert displays_of(load(tmp_path / "thermowell.yaml")) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{url: 'http://h'}", "displays.mqtt.url"),
        ("{url: 'mqtt://u:sesame@h'}", "displays.mqtt.url"),
        ("{url: 'mqtt://h', password_file: nowhere}", "displays.mqtt.password_file"),
    ],
)
def test_a_broker_that_cannot_be_meant_is_refused_in_its_place(tmp_path: Path, text: str, path: str) -> None:
    with pytest.raises(ConfigError, match=path) as refused:
        load(configured(tmp_path, text))

    assert "sesame" not in str(refused.value)
