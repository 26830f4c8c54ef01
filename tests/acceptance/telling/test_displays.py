"""Alarm states on a real broker, and alerts at an Alertmanager's interface."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from alarms.wording import Wording
from domain.alarms import AlarmFacts, Transition
from domain.errors import MayHaveArrived, Refused, RetryLater
from domain.rules import Priority
from domain.time import MINUTE_NS, SECOND_NS, parse_time_ns
from service.telling.alertmanager import AlertmanagerDisplay
from service.telling.displays import show_for_ever
from service.telling.mqtt_display import MqttDisplay, MqttPlace
from tests.acceptance.mqtt.broker import Mosquitto, running
from tests.acceptance.telling.servers import TIMEOUT_S, Webhook, web_server
from tests.acceptance.telling.test_people_are_told import until
from tests.checks.records import transition
from tests.ports import free_port

needs_mosquitto = pytest.mark.skipif(
    shutil.which("mosquitto") is None, reason="mosquitto is not installed: displays are not tested against a broker"
)
UNSEEN = AlarmFacts(active=True, acknowledged=False)


def standing(number: int = 1, priority: Priority = Priority.HIGH, facts: AlarmFacts = UNSEEN) -> Transition:
    return replace(
        transition(), id=f"TT~a{number}.1", alarm=f"TT~a{number}", priority=priority, facts=facts, activated_ns=None
    )


class Screen:
    """A display that subscribes to all that there is, and keeps what is retained."""

    def __init__(self, port: int) -> None:
        self.shows: dict[str, bytes] = {}
        self.seen: list[tuple[str, bytes, bool]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe("#")
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        self.seen.append((message.topic, message.payload, message.retain))
        if message.payload:
            self.shows[message.topic] = message.payload
        else:
            self.shows.pop(message.topic, None)

    @property
    def alarms(self) -> set[str]:
        return {topic.rpartition("/")[2] for topic in self.shows if "/alarms/" in topic}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def screen(port: int) -> Iterator[Screen]:
    looking = Screen(port)
    try:
        yield looking
    finally:
        looking.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running(tmp_path / "broker") as started:
        yield started


def place(port: int) -> MqttPlace:
    return MqttPlace("127.0.0.1", port, tls=False, client_id="thermowell-demo-displays", base="thermowell/demo")


@asynccontextmanager
async def shown(display: MqttDisplay, alarms: Callable[[], Sequence[Transition]]):
    task = asyncio.create_task(show_for_ever(display, alarms))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@needs_mosquitto
async def test_a_display_has_every_state_and_is_rid_of_what_is_normal(broker: Mosquitto) -> None:
    alarms = [standing(1), standing(2, Priority.CRITICAL)]
    with screen(broker.port) as looking:
        async with shown(MqttDisplay(place(broker.port)), lambda: alarms):
            await until(lambda: looking.alarms == {"TT~a1", "TT~a2"})
            told = json.loads(looking.shows["thermowell/demo/alarms/TT~a1"])
            await until(lambda: looking.shows.get("thermowell/demo/status") == b"online")
            summary = json.loads(looking.shows["thermowell/demo/summary"])
            alarms.pop()
            await until(lambda: looking.alarms == {"TT~a1"})
        await until(lambda: looking.shows["thermowell/demo/status"] == b"offline")

    assert (told["schema"], told["state"], told["priority"], told["transition"]) == (
        "thermowell.alarm.1",
        "UNACK",
        2,
        "TT~a1.1",
    )
    assert summary["worst"] == "TT~a2"
    assert summary["alarms"]["critical"] == {"standing": 1, "unacknowledged": 1}
    assert all(topic.startswith("thermowell/demo/") for topic, _, _ in looking.seen)


@needs_mosquitto
async def test_what_a_service_left_there_is_cleared_by_the_next_one(broker: Mosquitto) -> None:
    with screen(broker.port) as looking:
        async with shown(MqttDisplay(place(broker.port)), lambda: [standing(1), standing(2)]):
            await until(lambda: len(looking.alarms) == 2)
        async with shown(MqttDisplay(place(broker.port)), lambda: [standing(2)]):
            await until(lambda: looking.alarms == {"TT~a2"})


@needs_mosquitto
async def test_a_broker_that_was_killed_has_the_whole_state_again(broker: Mosquitto) -> None:
    async with shown(MqttDisplay(place(broker.port)), lambda: [standing(1), standing(2)]):
        with screen(broker.port) as looking:
            await until(lambda: len(looking.alarms) == 2)
        broker.kill()
        broker.start()  # it keeps nothing
        with screen(broker.port) as looking:
            await until(lambda: looking.alarms == {"TT~a1", "TT~a2"})


@needs_mosquitto
async def test_who_cannot_say_that_they_go_is_said_to_be_offline_by_the_broker(broker: Mosquitto) -> None:
    display = MqttDisplay(place(broker.port))
    display.show([])
    with screen(broker.port) as looking:
        await until(lambda: looking.shows.get("thermowell/demo/status") == b"online")
        connection = display._client.socket()
        assert connection is not None
        connection.shutdown(2)  # as when the process is killed
        await until(lambda: (("thermowell/demo/status", b"offline", False)) in looking.seen)
    display.close()


def test_a_broker_that_is_not_there_holds_nobody() -> None:
    display = MqttDisplay(replace(place(free_port())))
    try:
        with pytest.raises(RetryLater):
            display.show([standing()])
    finally:
        display.close()


# Alertmanager

NOW_NS = parse_time_ns("2026-03-01T10:00:00Z")


class Alerts(Webhook):
    """What an Alertmanager would have: it refuses what its API v2 refuses."""

    def taken(self) -> list[dict[str, object]]:
        bodies = [json.loads(raw) for raw in self.raw]
        for alert in [alert for body in bodies for alert in body]:
            assert set(alert) <= {"labels", "annotations", "startsAt", "endsAt", "generatorURL"}
            assert alert["labels"]["alertname"]
            for texts in (alert["labels"], alert["annotations"]):
                assert all(isinstance(text, str) and text for text in texts.values())
                assert all(name.replace("_", "a").isalnum() and not name[0].isdigit() for name in texts)
            assert parse_time_ns(alert["startsAt"]) <= parse_time_ns(alert["endsAt"])
        return [{alert["labels"]["alarm"]: alert["endsAt"] for alert in body} for body in bodies]


def alertmanager(port: int, wall: Callable[[], int] = lambda: NOW_NS) -> AlertmanagerDisplay:
    return AlertmanagerDisplay(
        f"http://127.0.0.1:{port}/am/", Wording("demo", page_url="http://p"), timeout_s=TIMEOUT_S, wall_ns=wall
    )


def test_an_alert_fires_is_told_again_before_it_would_end_and_ends_when_the_alarm_does() -> None:
    hook, port = Alerts(), free_port()
    now = [NOW_NS]
    with web_server(hook, port):
        display = alertmanager(port, lambda: now[0])
        for after_ns, alarms in [
            (0, [standing()]),
            (SECOND_NS, [standing()]),
            (MINUTE_NS, [standing()]),
            (MINUTE_NS, []),
        ]:
            now[0] += after_ns
            display.show(alarms)
        display.show([])

    assert set(hook.paths) == {"/am/api/v2/alerts"}
    assert hook.taken() == [
        {"TT~a1": "2026-03-01T10:04:00Z"},
        {"TT~a1": "2026-03-01T10:05:01Z"},
        {"TT~a1": "2026-03-01T10:02:01Z"},
    ]


@pytest.mark.parametrize(
    "facts",
    [
        AlarmFacts(acknowledged=False),
        replace(UNSEEN, shelved_until_ns=9),
        replace(UNSEEN, suppressed=True),
        replace(UNSEEN, out_of_service=True),
    ],
)
def test_what_is_not_active_or_was_put_away_does_not_fire(facts: AlarmFacts) -> None:
    hook, port = Alerts(), free_port()
    with web_server(hook, port):
        alertmanager(port).show([standing(facts=facts)])

    assert hook.taken() == []


def test_a_rise_in_severity_ends_one_alert_and_fires_another() -> None:
    hook, port = Alerts(), free_port()
    with web_server(hook, port):
        display = alertmanager(port)
        display.show([standing(priority=Priority.MEDIUM)])
        display.show([standing(priority=Priority.CRITICAL)])

    second = json.loads(hook.raw[1])
    assert {alert["labels"]["severity"]: alert["endsAt"] for alert in second} == {
        "medium": "2026-03-01T10:00:00Z",
        "critical": "2026-03-01T10:04:00Z",
    }


def test_a_simulated_plant_ahead_of_the_wall_starts_no_alert_after_its_end() -> None:
    hook, port = Alerts(), free_port()
    with web_server(hook, port):
        alertmanager(port).show([replace(standing(), at_ns=NOW_NS + 10**15)])

    assert hook.taken() == [{"TT~a1": "2026-03-01T10:04:00Z"}]


@pytest.mark.parametrize(("answer", "kind"), [(500, RetryLater), (400, Refused), (0, MayHaveArrived)])
def test_what_was_not_taken_is_told_with_the_next_look(answer: int, kind: type[Exception]) -> None:
    hook, port = Alerts(), free_port()
    hook.answers = [answer]
    with web_server(hook, port):
        display = alertmanager(port)
        with pytest.raises(kind):
            display.show([standing()])
        display.show([standing()])

    assert hook.taken()[-1] == {"TT~a1": "2026-03-01T10:04:00Z"}
