"""Row `mqtt_serve`: messages that a broker acknowledged per CPU-second of the publisher, against stock paho.

QoS 1, one mosquitto without subscribers, so that nothing but publishing keeps it busy. Both publish as fast as the
broker acknowledges, with the same window, each in a process of its own, in turns. paho prints the same payloads.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.mqtt import WINDOW, _broker

TAGS = 1000
MEASURE_S = 4.0
REPETITIONS = 3


def run() -> dict[str, dict[str, object]]:
    """Measure both in turns; the medians make the row."""
    figures: dict[str, list[dict[str, float]]] = {"firehose": [], "stock": []}
    with tempfile.TemporaryDirectory() as folder, _broker(Path(folder)) as port:
        for _ in range(REPETITIONS):
            for mode, measured in figures.items():
                measured.append(_measure(mode, port))
    middle = REPETITIONS // 2
    ours, stock = (sorted(each, key=lambda figure: figure["per_cpu_s"])[middle] for each in figures.values())
    note = (
        f"QoS 1, {TAGS:,} topics, window {WINDOW:,}; median of {REPETITIONS} turns of {MEASURE_S:g} s; "
        f"{ours['per_s']:,.0f} and {stock['per_s']:,.0f} messages/s acknowledged by mosquitto; peer: stock paho"
    )
    row = {"ours": ours["per_cpu_s"], "peer": stock["per_cpu_s"], "ratio": ours["per_cpu_s"] / stock["per_cpu_s"]}
    return {"mqtt_serve": {**row, "unit": "messages per CPU-second of the publisher", "note": note}}


def _measure(mode: str, port: int) -> dict[str, float]:
    command = {
        "firehose": [
            "simulators.servers.firehose", "--mqtt", f"mqtt://127.0.0.1:{port}", "--tags", str(TAGS), "--rate", "0",
            "--window", str(WINDOW), "--seconds", str(MEASURE_S),
        ],
        "stock": ["tests.bench.mqtt_serve", "publish", str(port)],
    }[mode]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60, check=True
    )  # fmt: skip
    told = json.loads(done.stdout.strip().splitlines()[-1])
    return {"per_cpu_s": told["acknowledged"] / told["cpu_s"], "per_s": told["acknowledged"] / told["seconds"]}


def publish_stock(port: int) -> None:
    """paho's publish, its network thread, and its count of acknowledgements."""
    import paho.mqtt.client as paho

    acknowledged = 0

    def on_publish(*_: object) -> None:
        nonlocal acknowledged
        acknowledged += 1

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="stock", protocol=paho.MQTTv311)
    client.max_inflight_messages_set(0)  # with a limit it looks through all of them at each acknowledgement
    client.max_queued_messages_set(0)
    client.on_publish = on_publish
    client.connect("127.0.0.1", port)
    client.loop_start()
    while not client.is_connected():
        time.sleep(0.01)
    started_s, cpu_s, sent = time.monotonic(), time.process_time(), 0
    while time.monotonic() < started_s + MEASURE_S:
        while sent - acknowledged >= WINDOW:
            time.sleep(0.002)
        for _ in range(WINDOW // 4):
            payload = b'{"v":%.2f,"t":%d}' % (100 + sent % 977 * 0.13, time.time_ns() // 1_000_000)
            client.publish(f"firehose/t{sent % TAGS:03d}", payload, qos=1)
            sent += 1
    spent = {"seconds": time.monotonic() - started_s, "cpu_s": time.process_time() - cpu_s}
    print(json.dumps({"acknowledged": acknowledged, **spent}), flush=True)
    client.disconnect()
    client.loop_stop()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["publish", port]:
            publish_stock(int(port))
        case _:
            print(json.dumps(run(), indent=1, ensure_ascii=False))
