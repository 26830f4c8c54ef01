"""Faults as they are asked for over the wire: durations in words, ids."""

import pytest

from service.bench import values
from simulators.live import NotPossible
from simulators.servers.control_client import ControlClient, ControlUnreachable
from simulators.servers.control_faults import duration_s, fault_spec

WORDS = "40s|40 sec|1 second|90 seconds|10m|10min|1 h 30 min|1h30min|1 hour|2 hours|1d|1 day|2 days| 2 days |1d 2h"


@pytest.mark.parametrize("text", [*WORDS.split("|"), "1000ms", "1.5 h", "366 days"])
def test_a_duration_is_read_as_in_a_scenario_file(text):
    assert duration_s("by", text) == values.seconds(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-5 min", "is negative"),
        (-5, "is negative"),
        ("1000 days", "longer than a year"),
        ("0.5 s", "no whole number of seconds"),
        (0.5, "no whole number of seconds"),
        ("2 moons", "is no duration"),
        ("1 hours later", "is no duration"),
        ("", "is no duration"),
        (" ", "is no duration"),
        ("-", "is no duration"),
        ("nan", "is no duration"),
        (float("inf"), "is no duration"),
        (10**400, "is no duration"),
        (True, "is no duration"),
        (None, "is no duration"),
    ],
)
def test_what_is_no_duration_is_refused_and_told_why(text, said):
    with pytest.raises(NotPossible, match=said) as refusal:
        duration_s("lasts", text)

    assert refusal.value.field == "lasts"


@pytest.mark.parametrize("text", ["1000 days", "-5 min", "0.5 s", "2 moons", "1 hours later", "", " ", "-"])
def test_a_scenario_file_refuses_the_same_words(text):
    with pytest.raises(ValueError, match=r"longer|negative|whole|duration"):
        values.seconds(text)


def test_a_duration_may_be_a_bare_number_of_seconds():
    assert [duration_s("by", value) for value in (90, 90.0, "90", " 90 ")] == [90, 90, 90, 90]


@pytest.mark.parametrize("name", ["a b", "-a", "a/b", "ä", "a\n", ""])
def test_an_id_that_a_scenario_file_may_not_have_is_refused(name):
    with pytest.raises(NotPossible, match="is no name") as refusal:
        fault_spec({"kind": "cut", "target": "opcua", "id": name}, 0, "cut-1")

    assert refusal.value.field == "id"


def test_an_id_of_letters_digits_and_signs_is_taken():
    assert fault_spec({"kind": "cut", "target": "opcua", "id": "the.2nd_cut-b"}, 0, "cut-1").id == "the.2nd_cut-b"


@pytest.mark.parametrize("address", ["nonsense", "", "http://", "http://here:port", "http://[::1", "opc.tcp://here:1"])
def test_what_is_no_address_of_a_bench_is_said_so(address):
    with pytest.raises(ControlUnreachable, match="is no address of a bench"):
        ControlClient(address)
