"""Publishes values of the plant as small JSON messages, QoS 1."""

import json
import logging
from types import TracebackType
from typing import Final, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from domain.time import format_time

logger = logging.getLogger(__name__)

_PROTOCOLS: Final = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}
_QUEUED_MOST: Final = 20_000  # messages; while the broker is away longer, the newest are refused and counted
_IN_FLIGHT_MOST: Final = 200


class MqttPublisher:
    """Publishes to one broker and reconnects by itself; `with` connects and leaves."""

    def __init__(self, host: str, port: int, protocol: str, client_id: str = "simulated-plant") -> None:
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=_PROTOCOLS[protocol])
        self._client.max_queued_messages_set(_QUEUED_MOST)
        self._client.max_inflight_messages_set(_IN_FLIGHT_MOST)
        self._client.reconnect_delay_set(min_delay=1, max_delay=5)
        self._client.connect_async(host, port, keepalive=30)
        self.refused = 0

    def __enter__(self) -> Self:
        """Begin to connect; messages wait until the broker is there."""
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, value: float, time_ns: int) -> None:
        """Send `{"v": value, "t": ISO 8601}`; what does not fit the queue is refused and counted."""
        payload = json.dumps({"v": value, "t": format_time(time_ns)})
        if self._client.publish(topic, payload, qos=1).rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            self.refused += 1
            if self.refused == 1:
                logger.warning("MQTT: the broker is away for so long that messages are refused")
