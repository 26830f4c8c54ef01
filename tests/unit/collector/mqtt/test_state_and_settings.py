import pytest

from collector.mqtt.settings import MqttSettings, is_filter, read_url, stable_client_id
from collector.mqtt.state import SavedState
from domain.entries import Gap, GapCause
from domain.errors import DamagedFile, NewerFormat


def test_the_state_survives_as_text():
    gap = Gap("floor:stopped:5", "floor", None, 5, None, GapCause.STOPPED, "gone")
    state = SavedState("me", ["a/#"], True, 7, True, [(1, 2)], 3, gap, ["AQA=", "AQAAAA=="], [["t", "k", 4, "why"]])

    assert SavedState.of_text(state.to_text(), "floor") == state


def test_no_state_is_an_empty_one():
    assert SavedState.of_text(None, "floor") == SavedState()


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"v":1}', '{"v":1,"client":"a","topics":5}', '{"v":1,"client":"a","topics":[],"open":[1]}'],
)
def test_a_damaged_state_names_its_source(text):
    with pytest.raises(DamagedFile, match="'floor'"):
        SavedState.of_text(text, "floor")


def test_a_newer_state_is_left_alone():
    with pytest.raises(NewerFormat):
        SavedState.of_text('{"v":2}', "floor")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://broker", ("broker", 1883, False)),
        ("mqtt://127.0.0.1:1884", ("127.0.0.1", 1884, False)),
        ("mqtts://broker", ("broker", 8883, True)),
        ("mqtt://[::1]:1", ("::1", 1, False)),
    ],
)
def test_addresses(url, expected):
    assert read_url(url) == expected


@pytest.mark.parametrize("url", ["http://broker", "broker:1883", "mqtt://", "mqtt://user:secret@broker"])
def test_other_addresses_are_refused_without_showing_a_secret(url):
    with pytest.raises(ValueError, match="broker") as caught:
        read_url(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("topic", ["#", "+", "a/+/b", "a/#", "/", "a"])
def test_filters(topic):
    assert is_filter(topic)


@pytest.mark.parametrize("topic", ["", "a/#/b", "a#", "a+/b", "a/b+"])
def test_other_filters_are_refused(topic):
    with pytest.raises(ValueError, match="topic filter"):
        MqttSettings("floor", "broker", "me", (topic,))


def test_a_client_id_is_the_same_every_time_and_plain():
    assert stable_client_id("Werk Süd", "floor") == "thermowell-Werk_S_d-floor"
