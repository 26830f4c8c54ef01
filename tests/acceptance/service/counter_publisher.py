"""Publishes consecutive counters at QoS 1: `python -m tests.acceptance.service.counter_publisher PORT TRUTH`.

`count/timed` carries a time, `count/bare` does not. What the broker has acknowledged stands in TRUTH as `topic value`.
"""

import json
import sys
import time

import paho.mqtt.client as mqtt

EVERY_S = 0.05


def publish(port: int, truth: str) -> None:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="counter-publisher", protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    print("ready", flush=True)
    value = 0
    with open(truth, "a", buffering=1) as log:
        while True:
            value += 1
            timed = json.dumps({"v": value, "t": time.time_ns() // 1000})
            sent = [("count/timed", client.publish("count/timed", timed, qos=1))]
            sent.append(("count/bare", client.publish("count/bare", str(value), qos=1)))
            for topic, info in sent:
                info.wait_for_publish(10)
                log.write(f"{topic} {value}\n")
            time.sleep(EVERY_S)


if __name__ == "__main__":
    publish(int(sys.argv[1]), sys.argv[2])
