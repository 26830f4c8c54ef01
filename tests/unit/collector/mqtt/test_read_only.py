"""A collector reads: it publishes nothing, leaves no will, and nobody else in the room reaches for the MQTT library."""

import ast
from pathlib import Path

import pytest

import collector

ROOM = Path(collector.__file__).parent
FORBIDDEN = {"publish", "will_set", "_send_publish", "single", "multiple"}
PUBLISH_PACKETS = {"PUBLISH", "_out_messages"}


def names(tree: ast.AST) -> set[str]:
    """Every attribute and name that a file mentions."""
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return attributes | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }


def imports_paho(tree: ast.AST) -> bool:
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return any(module.split(".")[0] in {"paho", "amqtt", "aiomqtt"} for module in modules)


@pytest.mark.parametrize("file", sorted(ROOM.rglob("*.py")), ids=lambda file: str(file.relative_to(ROOM)))
def test_nothing_is_published(file: Path):
    tree = ast.parse(file.read_text())
    uses = imports_paho(tree)

    assert not uses or file.parent == ROOM / "mqtt"
    assert not (uses and names(tree) & (FORBIDDEN | PUBLISH_PACKETS))


def test_the_check_sees_a_publish():
    assert names(ast.parse("client.publish('valve', 1)")) & FORBIDDEN
