import pytest

from domain.time import SECOND_NS
from simulators.faults.spec import AtTime, FaultChange, FaultSpec
from simulators.outlets import Update
from simulators.servers.broker_faults import CannotBreak
from simulators.servers.mqtt import MqttOutlet
from simulators.servers.mqtt_faults import MessageFaults
from simulators.servers.mqtt_payloads import JsonFormat, Message, PublishedTag

MESSAGES = [Message(f"t/{n % 2}", b'{"v": %d}' % n, f"T{n % 2}") for n in range(200)]


def begun(kind: str, target: str = "mqtt", **settings: float | str) -> FaultChange:
    return FaultChange(FaultSpec("f", kind, target, AtTime(0), settings=settings), active=True, second=0)


def ended(change: FaultChange) -> FaultChange:
    return FaultChange(change.spec, active=False, second=60)


def passed(change: FaultChange, seed: int = 1) -> list[Message]:
    """What comes out of 200 messages, and of the fault's end."""
    faults = MessageFaults(seed)
    faults.change(change)
    return [*faults.pass_on(MESSAGES), *faults.change(ended(change))]


class Carrier:
    """A wire that keeps what it gets; `takes` messages, then it refuses."""

    def __init__(self, takes: int = 1000) -> None:
        self.taken: list[Message] = []
        self.waiting = 0
        self._takes = takes

    def send(self, message: Message) -> bool:
        if len(self.taken) >= self._takes:
            return False
        self.taken.append(message)
        return True


def outlet(wire: Carrier) -> MqttOutlet:
    return MqttOutlet(wire, JsonFormat([PublishedTag("R101.TT"), PublishedTag("R101.PT")]))


def test_duplicates_come_as_a_second_message_or_as_the_same_packet_again() -> None:
    out = passed(begun("duplicated", probability=1.0))
    again = sum(message.again for message in out)

    assert len(out) + again == 2 * len(MESSAGES)
    assert 50 < again < 150


def test_reordering_loses_nothing_and_no_message_is_overtaken_by_more_than_the_depth() -> None:
    out = passed(begun("reordered", probability=0.3, depth=4.0))
    sent = {message.payload: number for number, message in enumerate(MESSAGES)}
    arrived = [sent[message.payload] for message in out]
    overtaken = [sum(other > number for other in arrived[:place]) for place, number in enumerate(arrived)]

    assert sorted(arrived) == list(range(len(MESSAGES)))
    assert out != MESSAGES
    assert 1 <= max(overtaken) <= 4


def test_a_malformed_message_takes_the_place_of_the_good_one() -> None:
    out = passed(begun("malformed", probability=0.5, form="not_json"))
    wrong = [message for message in out if message.payload.startswith(b"ERR")]

    assert len(out) == len(MESSAGES)
    assert 60 < len(wrong) < 140


def test_a_fault_of_one_tag_leaves_the_others_alone() -> None:
    out = passed(begun("malformed", "T1", probability=1.0, form="empty"))

    assert [message for message in out if message.tag == "T0"] == [m for m in MESSAGES if m.tag == "T0"]
    assert {message.payload for message in out if message.tag == "T1"} == {b""}


@pytest.mark.parametrize("kind", ["duplicated", "reordered", "malformed"])
def test_the_same_seed_breaks_the_same_messages(kind: str) -> None:
    assert passed(begun(kind), 7) == passed(begun(kind), 7)
    assert passed(begun(kind), 7) != passed(begun(kind), 8)


@pytest.mark.parametrize("kind", ["duplicated", "reordered", "malformed", "cooling_lost"])
def test_after_its_end_and_for_other_kinds_everything_passes_as_it_is(kind: str) -> None:
    faults = MessageFaults(1)
    faults.change(begun(kind))
    faults.change(ended(begun(kind)))

    assert list(faults.pass_on(MESSAGES)) == MESSAGES


async def test_a_stale_value_is_retained_with_its_old_time_and_replaced_at_the_end() -> None:
    wire = Carrier()
    plant = outlet(wire)
    await plant.write([Update("R101.TT", 60.0, 100 * SECOND_NS)])
    change = begun("retained_stale", "R101.TT", age=10.0)
    await plant.fault(change)
    await plant.write([Update("R101.TT", 61.0, 110 * SECOND_NS)])
    await plant.fault(ended(change))

    shown = [(message.payload, message.retain) for message in wire.taken]
    assert shown == [
        (b'{"v": 60.0, "t": "1970-01-01T00:01:40Z"}', False),
        (b'{"v": 60.0, "t": "1970-01-01T00:01:30Z"}', True),
        (b'{"v": 61.0, "t": "1970-01-01T00:01:50Z"}', False),
        (b'{"v": 61.0, "t": "1970-01-01T00:01:50Z"}', True),
    ]


async def test_a_tag_without_its_source_time_is_published_without_one() -> None:
    wire = Carrier()
    plant = outlet(wire)
    await plant.fault(begun("source_time_absent", "R101.TT"))
    await plant.write([Update("R101.TT", 60.0, SECOND_NS), Update("R101.PT", 0.3, SECOND_NS)])

    assert [message.payload for message in wire.taken] == [b'{"v": 60.0}', b'{"v": 0.3, "t": "1970-01-01T00:00:01Z"}']


async def test_what_the_wire_refuses_is_counted() -> None:
    plant = outlet(Carrier(takes=2))
    await plant.write([Update("R101.TT", float(n), n * SECOND_NS) for n in range(5)])

    assert (plant.sent, plant.refused) == (2, 3)


@pytest.mark.parametrize("kind", ["broker_restart", "broker_queue_overflow"])
async def test_a_broker_of_somebody_else_cannot_be_broken(kind: str) -> None:
    with pytest.raises(CannotBreak, match=f"'f' \\({kind}\\)"):
        await outlet(Carrier()).fault(begun(kind))
