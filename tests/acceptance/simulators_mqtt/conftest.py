from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.servers import broker
from tests.acceptance.simulators_mqtt.listening import Listener, listening


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[broker.Broker]:
    if broker.find_mosquitto() is None:
        pytest.skip("mosquitto is not installed: the plant's MQTT side is not tested against it")
    running = broker.start(tmp_path / "broker")
    yield running
    running.stop()


@pytest.fixture
def listener(mosquitto: broker.Broker) -> Iterator[Listener]:
    with listening(mosquitto.port) as running:
        yield running
