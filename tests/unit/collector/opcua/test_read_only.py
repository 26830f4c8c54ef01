"""The collector reads: nothing in it can write to a process or call a method."""

import ast
from pathlib import Path

import pytest
from asyncua import ua

import collector.opcua
from collector.opcua.channel import guard
from collector.opcua.link import READ_ONLY
from domain.errors import Refused

SOURCES = sorted(Path(collector.opcua.__file__).parent.glob("*.py"))
CHANGING = ("write", "call", "history_update", "add_nodes", "delete_nodes", "add_references", "delete_references")
CHANGING_REQUESTS = (
    "WriteRequest",
    "CallRequest",
    "HistoryUpdateRequest",
    "AddNodesRequest",
    "DeleteNodesRequest",
    "AddReferencesRequest",
    "DeleteReferencesRequest",
    "SetTriggeringRequest",
)


def names_in(path: Path) -> set[str]:
    """Every attribute that the code takes of something, and every string in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def test_no_changing_request_is_named_anywhere():
    named = {path.name: names_in(path) & set(CHANGING_REQUESTS) for path in SOURCES}

    assert SOURCES
    assert {name: found for name, found in named.items() if found} == {}


def test_no_changing_service_of_a_node_or_session_is_used():
    services = {f"{service}{ending}" for service in CHANGING[2:] for ending in ("", "s")}
    services |= {"write_value", "write_attribute", "write_attributes", "set_value", "set_attribute", "call_method"}

    assert {path.name for path in SOURCES if names_in(path) & services} == set()


@pytest.mark.parametrize("name", CHANGING_REQUESTS)
def test_the_guard_in_front_of_the_channel_refuses_what_changes(name):
    with pytest.raises(Refused, match=name):
        guard(getattr(ua, name)())


def test_the_list_of_what_may_leave_holds_nothing_that_changes():
    assert READ_ONLY.isdisjoint(CHANGING_REQUESTS)
