"""Row `mqtt_receive`: CPU per message from the socket to the committed journal, against stock paho that keeps nothing.

One mosquitto, kept busy by the firehose's pre-built packets; receivers run one after the other, each in a
process of its own, in turns.
"""

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from service.clock import SystemClock

TOPICS = 200
WINDOW = 4_000
SETTLE_S = 1.5
MEASURE_S = 3.0
REPETITIONS = 3
BROKER = {"max_inflight_messages": 0, "max_queued_messages": 20_000, "set_tcp_nodelay": "true"}
RECEIVE_MAXIMUM = 5_000


def run() -> dict[str, dict[str, object]]:
    """Measure both in turns; the medians make the row."""
    with tempfile.TemporaryDirectory() as folder, _broker(Path(folder)) as port, firehose(port, TOPICS, 0.1):
        figures: dict[str, list[dict[str, float]]] = {"ours": [], "stock": []}
        for _ in range(REPETITIONS):
            for mode, measured in figures.items():
                measured.append(_receive(mode, port, Path(folder)))
    ours, stock = (sorted(item["us"] for item in measured) for measured in figures.values())
    middle = REPETITIONS // 2
    rates = {mode: sorted(round(item["rate"]) for item in measured)[middle] for mode, measured in figures.items()}
    ratios = sorted(b["us"] / a["us"] for a, b in zip(figures["ours"], figures["stock"], strict=True))
    note = (
        f'{{"v","t"}}, QoS 1, {TOPICS} topics; median of {REPETITIONS} turns of {MEASURE_S:g} s, ratios {ratios[0]:.1f}…{ratios[-1]:.1f}; '
        f"{rates['ours']:,} and {rates['stock']:,} messages/s; mosquitto "
        + ", ".join(f"{key} {value}" for key, value in BROKER.items())
        + f"; ReceiveMaximum {RECEIVE_MAXIMUM}, publisher's window {WINDOW}"
    )
    row = {"ours": ours[middle], "peer": stock[middle], "ratio": stock[middle] / ours[middle]}
    return {"mqtt_receive": {**row, "unit": "µs CPU/message", "note": note}}


@contextlib.contextmanager
def _broker(folder: Path):
    if shutil.which("mosquitto") is None:
        raise RuntimeError("this benchmark needs mosquitto")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "persistence false"]
    lines += [f"{key} {value}" for key, value in BROKER.items()]
    (folder / "broker.conf").write_text("\n".join(lines) + "\n")
    broker = subprocess.Popen(["mosquitto", "-c", str(folder / "broker.conf")], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        broker.terminate()
        broker.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError("the broker did not start")


@contextlib.contextmanager
def _process(mode: str, *arguments: object):
    command = [sys.executable, "-m", "tests.bench.mqtt", mode, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def _receive(mode: str, port: int, folder: Path) -> dict[str, float]:
    with _process(mode, port, folder) as process:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the receiver {mode!r} ended without a figure")
        return json.loads(line)


@contextlib.contextmanager
def firehose(port: int, tags: int, step_s: float):
    """The product's firehose, publishing as fast as the broker acknowledges; each scan of the tags is `step_s` later."""
    load = ["--mqtt", f"mqtt://127.0.0.1:{port}", "--tags", str(tags), "--rate", "0", "--step", str(step_s)]
    command = [sys.executable, "-m", "simulators.servers.firehose", *load, "--window", str(WINDOW)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        if '"ready": true' not in process.stdout.readline():
            raise RuntimeError("the publisher did not start")
        yield
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def topic(index: int, tags: int) -> str:
    """What the firehose publishes a tag under."""
    return f"firehose/t{index:0{len(str(tags - 1))}d}"


def receive_stock(port: int) -> None:
    """Stock paho, its own acknowledgements, messages thrown away."""
    import paho.mqtt.client as paho

    count = 0

    def on_message(_client: object, _userdata: object, _message: object) -> None:
        nonlocal count
        count += 1

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="stock", protocol=paho.MQTTv5)
    client.on_message = on_message
    client.on_connect = lambda client, *_: client.subscribe("firehose/#", 1)
    client.connect("127.0.0.1", port)
    client.loop_start()
    time.sleep(SETTLE_S)
    before, cpu_s, wall_s = count, time.process_time(), time.perf_counter()
    time.sleep(MEASURE_S)
    _tell(count - before, cpu_s, wall_s)


async def receive_ours(port: int, folder: Path) -> None:
    """Our source into the real journal."""
    from collector.mqtt.routes import Route
    from collector.mqtt.settings import MqttSettings
    from collector.mqtt.source import MqttSource
    from historian.journal import SqliteJournal

    journal_folder = Path(tempfile.mkdtemp(dir=folder))
    journal = SqliteJournal.open(journal_folder / "journal.db")
    settings = MqttSettings(
        "floor", "127.0.0.1", f"ours-{time.time_ns()}", ("firehose/#",), port=port, session_expiry_s=5,
        receive_maximum=RECEIVE_MAXIMUM,
    )  # fmt: skip
    routes = [Route(index, topic(index, TOPICS), "/v", "/t", "ms") for index in range(TOPICS)]
    source = MqttSource(settings, [], routes, SystemClock(), None)

    async def collect() -> None:
        async for delivery in source.deliveries():
            await journal.room()
            journal.submit(delivery)

    task = asyncio.create_task(collect())
    await asyncio.sleep(SETTLE_S)
    before, cpu_s, wall_s = journal.ledger()[0].journaled, time.process_time(), time.perf_counter()
    await asyncio.sleep(MEASURE_S)
    _tell(journal.ledger()[0].journaled - before, cpu_s, wall_s)
    task.cancel()


def _tell(messages: int, cpu_s: float, wall_s: float) -> None:
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    print(json.dumps({"us": 1e6 * cpu_s / max(messages, 1), "rate": messages / wall_s}), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["stock", port, _]:
            receive_stock(int(port))
        case ["ours", port, folder]:
            asyncio.run(receive_ours(int(port), Path(folder)))
        case _:
            print(json.dumps(run(), indent=1))
