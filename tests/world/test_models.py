"""The model servers do what the standards say of real ones."""

import asyncio

from collector.opcua.decode import Decoder
from collector.opcua.wire import read_publish, read_republish
from domain.status import OVERFLOW
from domain.time import SECOND_NS
from simulators.faults.spec import AtTime, FaultChange, FaultSpec
from simulators.model.broker import DUP, ModelBroker, matches
from simulators.model.opcua import ModelOpcUaServer
from simulators.outlets import Update
from simulators.servers.mqtt_payloads import Message


class Server:
    """A model server, its clock in the test's hands, and one session that keeps what it is sent."""

    def __init__(self, **options: object) -> None:
        self.now_ns = 1_000 * SECOND_NS
        self.model = ModelOpcUaServer(["a", "b"], lambda: self.now_ns, **options)
        self.answers: list[bytes] = []
        self.session = self.model.create_session(120 * SECOND_NS).number
        self.model.activate(self.session, self.answers.append)
        self.subscription = self.model.subscribe(self.session, SECOND_NS, 3, 10, enabled=True)

    def pass_s(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.now_ns += SECOND_NS // 2
            self.model.run()

    def write(self, name: str, value: float) -> None:
        asyncio.run(self.model.write([Update(name, value, self.now_ns)]))

    def rows(self) -> list[list[tuple[float, int]]]:
        """The values and statuses of each message; empty: a keep-alive."""
        told = []
        for body in self.answers:
            message = read_publish(body).message
            assert message is not None
            found = []
            for notification in message.notifications:
                columns = Decoder().decode(body, notification.start, notification.end)
                found += list(zip(columns.value.tolist(), columns.status.tolist(), strict=True))
            told.append(found)
        return told


def test_values_come_with_the_publishing_cycle_and_silence_as_keep_alives():
    server = Server()
    server.model.monitor(server.subscription, 1, "a", 10)
    server.model.publish(server.session, [], 5)
    server.write("a", 1.0)
    server.write("a", 2.0)
    server.pass_s(5)

    assert server.rows() == [[(1.0, 0), (2.0, 0)], []]


def test_a_queue_that_is_too_short_drops_the_oldest_and_says_so():
    server = Server()
    server.model.monitor(server.subscription, 1, "a", 2)
    server.model.publish(server.session, [], 5)
    for value in (1.0, 2.0, 3.0, 4.0):
        server.write("a", value)
    server.pass_s(1)

    assert server.rows() == [[(3.0, OVERFLOW), (4.0, 0)]]


def test_a_message_can_be_had_again_until_it_is_acknowledged():
    server = Server()
    server.model.monitor(server.subscription, 1, "a", 2)
    server.model.publish(server.session, [], 2)
    server.write("a", 1.0)
    server.pass_s(1)
    again = read_republish(server.model.republish(server.session, server.subscription, 1), server.subscription)
    server.model.publish(server.session, [(server.subscription, 1)], 1)
    gone = read_republish(server.model.republish(server.session, server.subscription, 1), server.subscription)

    assert again.message is not None
    assert again.message.sequence == 1
    assert gone.message is None


def test_a_subscription_that_nobody_asks_ends_with_its_lifetime_and_waits_without_a_session_until_then():
    server = Server()
    server.model.close(server.session, delete_subscriptions=False)
    server.pass_s(9)
    waits = list(server.model.subscriptions)
    server.pass_s(2)

    assert waits == [server.subscription]
    assert server.model.subscriptions == {}


def test_a_restart_forgets_sessions_and_swaps_namespaces():
    server = Server()
    before = list(server.model.namespaces)
    spec = FaultSpec("r", "server_restart", "opcua", AtTime(0), None, settings={"namespace_order": "swapped"})
    asyncio.run(server.model.fault(FaultChange(spec, active=True, second=0)))

    assert server.model.sessions == {}
    assert server.model.namespaces[1:] == before[:0:-1]


def test_a_broker_sends_again_what_was_not_acknowledged_and_keeps_so_many_while_nobody_is_there():
    broker, first, second = ModelBroker(lambda: 0, most_queued=2), [], []
    options = {"clean": False, "expiry_s": 60, "most": 10}
    broker.connect("us", first.append, **options)
    broker.subscribe("us", ["plant/#"])
    broker.send(Message("plant/x", b"1"))
    broker.disconnect("us")
    for payload in (b"2", b"3", b"4"):
        broker.send(Message("plant/x", payload))
    present = broker.connect("us", second.append, **options)
    broker.resume("us")

    assert present
    assert [(packet[1], bool(packet[3] & DUP)) for packet in first + second] == [
        (b"1", False),
        (b"1", True),
        (b"2", False),
        (b"3", False),
    ]
    assert broker.dropped == 1


def test_a_broker_sends_no_more_than_the_client_wants_open():
    broker, packets = ModelBroker(lambda: 0), []
    broker.connect("us", packets.append, clean=True, expiry_s=60, most=2)
    broker.subscribe("us", ["+/x"])
    for payload in (b"1", b"2", b"3"):
        broker.send(Message("plant/x", payload))
    before = len(packets)
    broker.acknowledge("us", [packets[0][2]])

    assert (before, len(packets)) == (2, 3)


def test_filters_match_as_the_standard_says():
    assert matches("plant/#", "plant")
    assert matches("plant/+/x", "plant/a/x")
    assert not matches("plant/+", "plant/a/x")
    assert not matches("plant/a", "plant")
