"""A scenario on real servers: what clients get, how it is steered, and what it leaves behind."""

import asyncio
import json
import threading
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from asyncua import Client, ua

from domain.status import OVERFLOW
from domain.time import SECOND_NS, parse_time_ns
from service.clock import FollowedClock
from simulators.faults.spec import AtPhase, AtTime, FaultSpec
from simulators.live import NotPossible
from simulators.servers.broker import find_mosquitto
from simulators.servers.control_client import ControlClient, ControlRefused, ControlUnreachable
from simulators.serving import ServeOptions, serve
from simulators.truth.files import read_truth
from tests.acceptance.simulators.opcua_client import (
    PLANT_NS,
    node_of,
    seconds,
    secured_client,
    subscribed,
    until,
)
from tests.acceptance.simulators.served import scenario, served
from tests.patience import LIMIT_S


async def value_of(client: Client, name: str) -> ua.DataValue:
    return await (await node_of(client, name)).read_data_value(raise_on_bad_status=False)


async def test_an_advance_publishes_every_value_with_its_own_time_and_the_clock_goes_along(tmp_path: Path):
    clock_file = tmp_path / "clock.json"
    async with served(scenario(), clock_file=clock_file) as bench, Client(bench.opcua) as client:
        shared = FollowedClock(clock_file)
        before_ns = shared.now_ns()
        async with subscribed(client, "R101.TT") as heard:
            status = await bench.ask("advance", "10min")
            await until(lambda: seconds(heard.values[-1].SourceTimestamp) > 500, "the last values")
        history = await (await node_of(client, "R101.TT")).read_raw_history(numvalues=1000)
        await until(lambda: shared.now_ns() > before_ns, "the shared clock's jump")
        after_ns = shared.now_ns()

    # An unchanged value is not sent again, but it stands in the history.
    assert sorted(round(seconds(value.SourceTimestamp)) for value in history) == list(range(0, 601, 10))
    assert (before_ns, after_ns) == (PLANT_NS, PLANT_NS + 600 * SECOND_NS)
    assert (status["second"], status["paused"]) == (600, True)
    assert parse_time_ns(str(status["plant_time"])) == PLANT_NS + 600 * SECOND_NS


async def test_an_advance_is_no_faster_than_a_client_with_a_short_queue():
    async with (
        served(scenario()) as bench,
        Client(bench.opcua) as client,
        subscribed(client, "R101.PT", "R101.LT", queue=10) as heard,
    ):
        await bench.ask("advance", "20min")
        await until(lambda: seconds(heard.values[-1].SourceTimestamp) > 1100, "the last values")

    assert len(heard.values) > 60
    assert {code & OVERFLOW for code in heard.codes} == {0}


async def test_the_plant_stands_while_it_is_paused_and_runs_on_at_the_speed_that_is_asked():
    async with served(scenario()) as bench:
        standing = [(await bench.ask("status"))["plant_time"] for _ in range(2)]
        await bench.ask("set_speed", 5000)
        still = await bench.ask("status")
        running = await bench.ask("resume")
        async with asyncio.timeout(LIMIT_S):
            while (await bench.ask("status"))["second"] == 0:  # noqa: ASYNC110 - the bench is asked
                await asyncio.sleep(0.05)
        stopped = await bench.ask("pause")

    assert standing[0] == standing[1] == still["plant_time"]
    assert (still["speed"], running["speed"], stopped["speed"]) == (0.0, 5000.0, 0.0)


async def test_a_fault_is_injected_seen_labelled_and_cleared_by_http():
    async with served(scenario()) as bench, Client(bench.opcua) as client:
        await bench.ask("advance", "5min")
        healthy = (await value_of(client, "R101.TT")).Value.Value
        fault = {"kind": "bias", "target": "R101.TT", "settings": {"size": 25.0}, "after": "10 s"}
        injected = await bench.ask("inject", fault)
        status = await bench.ask("advance", "1 min")
        broken = (await value_of(client, "R101.TT")).Value.Value
        labels = await bench.ask("labels")
        cleared = await bench.ask("clear", injected["id"])
        await bench.ask("advance", 60)
        mended = (await value_of(client, "R101.TT")).Value.Value

    assert (injected["id"], injected["state"], cleared["state"]) == ("bias-1", "waiting", "over")
    (active,) = status["faults"]
    assert (active["state"], active["since"]) == ("active", "2026-09-21T14:18:30Z")
    assert broken - healthy == pytest.approx(25.0, abs=5.0)
    assert mended - healthy == pytest.approx(0.0, abs=5.0)
    assert [(label["kind"], label["id"], label["onset"]) for label in labels] == [
        ("fault", "bias-1", "2026-09-21T14:18:30Z")
    ]


async def test_the_same_goes_by_opcua_methods():
    async with served(scenario()) as bench, Client(bench.opcua) as client:
        index = await client.get_namespace_index("urn:thermowell:simulated-plant")
        root = client.get_node(ua.NodeId("Bench", index))

        async def call(method: str, argument: str) -> dict[str, object]:
            return json.loads(await root.call_method(f"{index}:{method}", argument))

        injected = await call("Inject", json.dumps({"kind": "dropout", "target": "R101.TT", "id": "mine"}))
        advanced = await call("Advance", "1min")
        value = await value_of(client, "R101.TT")
        cleared = await call("Clear", "mine")
        with pytest.raises(ua.uaerrors.BadInvalidArgument):
            await call("Inject", json.dumps({"kind": "dropout", "target": "nothing"}))
        with pytest.raises(ua.uaerrors.BadInvalidArgument):
            await call("Advance", "soon")
        with pytest.raises(ua.uaerrors.BadNotFound):
            await call("Clear", "another")

    assert (injected["id"], advanced["second"], cleared["state"]) == ("mine", 60, "over")
    assert value.StatusCode.is_bad()


IMPOSSIBLE = (
    ({"target": "opcua"}, "kind", "has to be said"),
    ({"kind": "cutt", "target": "opcua"}, "kind", "'cutt' is none of"),
    ({"kind": "cut", "target": "R101"}, "target", "is a reactor"),
    ({"kind": "cut", "target": "X1"}, "target", "no unit, tag or server 'X1'"),
    ({"kind": "cut", "target": "mqtt"}, "kind", "no mqtt server here"),
    ({"kind": "certificate_expired", "target": "opcua"}, "kind", "needs a server with security"),
    ({"kind": "slow", "target": "opcua", "settings": {"delay": 99}}, "settings.delay", "not within 0 … 60"),
    ({"kind": "slow", "target": "opcua", "settings": {"delay": True}}, "settings.delay", "no number"),
    ({"kind": "slow", "target": "opcua", "settings": 5}, "settings", "no object"),
    ({"kind": "cut", "target": "opcua", "lasts": "2 moons"}, "lasts", "no duration"),
    ({"kind": "server_restart", "target": "opcua"}, "lasts", "needs a time to come back"),
    ({"kind": "cut", "target": "opcua", "shape": "wave"}, "shape", "none of step, ramp, intermittent"),
    ({"kind": "cut", "target": "opcua", "size": 5}, "size", "no such field"),
    ({"kind": "cut", "target": "opcua", "id": ""}, "id", "no name"),
    ([], "body", "an object"),
)


async def test_a_fault_that_cannot_be_is_refused_and_the_field_is_named():
    told = []
    async with served(scenario()) as bench:
        for fault, _, said in IMPOSSIBLE:
            with pytest.raises(ControlRefused, match=said) as refusal:
                await bench.ask("inject", fault)
            told.append((refusal.value.status, refusal.value.field))
        status = await bench.ask("status")

    assert told == [(400, field) for _, field, _ in IMPOSSIBLE]
    assert status["faults"] == []


async def test_what_else_cannot_be_is_refused_and_the_catalogue_tells_what_can():
    told = []
    wrong = (("advance", 0), ("advance", "a while"), ("set_speed", 0), ("set_speed", "fast"), ("clear", "x"))
    async with served(scenario()) as bench:
        for verb, word in wrong:
            with pytest.raises(ControlRefused) as refusal:
                await bench.ask(verb, word)
            told.append((refusal.value.status, refusal.value.field))
        fault = {"kind": "cut", "target": "opcua", "id": "twice", "lasts": 60}
        await bench.ask("inject", fault)
        with pytest.raises(ControlRefused, match="'twice' already"):
            await bench.ask("inject", fault)
        kinds = {kind["kind"]: kind for kind in await bench.ask("catalogue")}

    assert told == [(400, "by"), (400, "by"), (400, "speed"), (400, "speed"), (404, "id")]
    assert {"cut", "server_restart", "bias", "leak"} <= kinds.keys()
    assert kinds["slow"]["targets"] == ["opcua", "mqtt"]
    assert kinds["slow"]["settings"]["delay"]["unit"] == "s"
    assert kinds["bias"]["settings"]["size"]["low"] is None


async def test_with_a_token_nobody_steers_without_it():
    async with served(scenario(), token="s3cret") as bench:
        with pytest.raises(ControlRefused, match="token") as refusal:
            await asyncio.to_thread(ControlClient(str(bench.ready["control"])).status)
        allowed = await bench.ask("status")
        async with Client(bench.opcua) as client:
            index = await client.get_namespace_index("urn:thermowell:simulated-plant")
            with pytest.raises(ua.uaerrors.BadNodeIdUnknown):
                await client.get_node(ua.NodeId("Bench", index)).read_browse_name()

    assert refusal.value.status == 401
    assert allowed["scenario"] == "a small plant"


async def test_nobody_at_the_address_is_said_so():
    with pytest.raises(ControlUnreachable, match="no bench answers"):
        await asyncio.to_thread(ControlClient("http://127.0.0.1:1").status)


async def test_a_cut_of_a_scenario_comes_in_its_place_and_ends():
    cut = FaultSpec("the cut", "cut", "opcua", AtTime(60), 60)
    async with served(scenario(cut)) as bench:
        await bench.ask("advance", 90)
        with pytest.raises(OSError, match="Connect call failed"):
            await Client(bench.opcua).connect()
        await bench.ask("advance", 60)
        async with Client(bench.opcua) as client:
            value = await value_of(client, "R101.TT")

    assert seconds(value.SourceTimestamp) > 120


async def test_a_fault_that_is_cleared_while_it_waits_never_begins():
    async with served(scenario()) as bench:
        await bench.ask("inject", {"kind": "bias", "target": "R101.TT", "settings": {"size": 25.0}, "after": "1 min"})
        cleared = await bench.ask("clear", "bias-1")
        again = await bench.ask("clear", "bias-1")
        after = await bench.ask("advance", "120")
        labels = await bench.ask("labels")

    assert (cleared["state"], again["state"], after["faults"][0]["state"]) == ("cleared",) * 3
    assert (after["second"], labels) == (120, [])


async def test_a_fault_in_a_phase_that_its_unit_does_not_have_is_refused():
    lost = FaultSpec("lost", "bias", "R101.TT", AtPhase("R101", "no such phase"), settings={"size": 1.0})
    with pytest.raises(NotPossible, match="R101 has no phase 'no such phase'") as refusal:
        async with served(scenario(lost)):
            pass

    assert refusal.value.field == "start.phase"


async def test_a_restart_with_swapped_namespaces_shows_the_same_plant_by_its_uri():
    swap = {"kind": "server_restart", "target": "opcua", "lasts": 30, "settings": {"namespace_order": "swapped"}}
    async with served(scenario()) as bench:
        async with Client(bench.opcua) as client:
            before = await client.get_namespace_index("urn:thermowell:simulated-plant")
        await bench.ask("inject", swap)
        await bench.ask("advance", "2min")
        async with Client(bench.opcua) as client:
            after = await client.get_namespace_index("urn:thermowell:simulated-plant")
            value = await value_of(client, "R101.TT")

    assert before != after
    assert seconds(value.SourceTimestamp) > 100


async def test_a_secured_plant_is_served_through_the_proxy(tmp_path: Path):
    async with served(scenario(security=True), users={"historian": "a secret"}) as bench:
        client = await secured_client(bench.opcua, "a secret", tmp_path)
        async with client:
            value = await value_of(client, "R101.STEP")

    assert value.Value.Value == 10


async def test_a_scenario_that_this_bench_cannot_show_is_not_begun():
    cut = FaultSpec("the cut", "cut", "opcua", AtTime(60), 60)
    with pytest.raises(NotPossible, match="needs a proxy"):
        async with served(scenario(cut), networks=False):
            pass


async def test_a_plant_that_is_told_to_stop_stops_in_the_middle_of_an_advance():
    async with served(scenario()) as bench:
        advance = asyncio.create_task(bench.ask("advance", "30 d"))
        async with asyncio.timeout(LIMIT_S):
            while (await bench.ask("status"))["second"] == 0:  # noqa: ASYNC110 - the bench is asked
                await asyncio.sleep(0.05)
    stopped = await advance

    assert 0 < stopped["second"] < 30 * 86_400


async def test_a_speed_that_is_none_is_refused():
    with pytest.raises(NotPossible, match="not above 0"):
        async with served(scenario(), speed=0.0):
            pass


async def test_without_users_a_secured_channel_is_enough(tmp_path: Path):
    async with served(scenario(security=True)) as bench:
        client = await secured_client(bench.opcua, "", tmp_path)
        client.set_user("")
        async with client:
            value = await value_of(client, "R101.STEP")

    assert value.Value.Value == 10


async def test_the_truth_is_written_at_the_end(tmp_path: Path):
    bias = FaultSpec("too warm", "bias", "R101.TT", AtTime(60), 120, settings={"size": 20.0})
    async with served(scenario(bias), out=tmp_path / "out") as bench:
        await bench.ask("advance", "5min")
    truth = read_truth(tmp_path / "out")

    assert [(label.id, label.onset_ns, label.end_ns) for label in truth.labels if label.kind == "fault"] == [
        ("too warm", PLANT_NS + 60 * SECOND_NS, PLANT_NS + 180 * SECOND_NS)
    ]
    assert truth.header.lasts_s == 300


async def test_a_plant_that_never_moved_has_no_truth_and_that_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    stop = asyncio.Event()
    stop.set()
    await serve(scenario(), ServeOptions(paused=True, out=tmp_path / "out"), lambda _: None, stop)

    assert list((tmp_path / "out").iterdir()) == []
    assert f"no truth is written to {tmp_path / 'out'}" in caplog.text


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed: MQTT is not tried here")
async def test_what_is_on_mqtt_comes_through_its_proxy():
    heard: list[dict[str, object]] = []
    subscribed_to = threading.Event()
    async with served(scenario(mqtt="json")) as bench:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, "reader", protocol=paho.MQTTv5)
        client.on_message = lambda _, __, message: heard.append(json.loads(message.payload))
        client.on_subscribe = lambda *_: subscribed_to.set()
        await asyncio.to_thread(client.connect, "127.0.0.1", bench.ready["mqtt_port"])
        client.loop_start()
        client.subscribe("plant/t101/level", 1)
        assert await asyncio.to_thread(subscribed_to.wait, LIMIT_S)
        await bench.ask("advance", "2min")
        await until(lambda: len(heard) >= 6, "two minutes of messages")
        client.disconnect()
        client.loop_stop()

    assert [message["t"] for message in heard][-1] > "2026-09-21T14:15:"
