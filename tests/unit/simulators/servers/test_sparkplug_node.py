import pytest

from domain.errors import BadMessage
from simulators.outlets import Update
from simulators.servers.mqtt_payloads import Message, PublishedTag
from simulators.servers.sparkplug_node import EdgeNode
from simulators.servers.sparkplug_payload import DataType, Metric, Payload, decode, encode

T_NS = 1_790_000_000_123_000_000
TAGS = [
    PublishedTag("R101.TT", float, "degC"),
    PublishedTag("R101.STEP", int),
    PublishedTag("T201.XFER", bool),
    PublishedTag("T201.BATCH", str),
]


def node() -> EdgeNode:
    made = EdgeNode(TAGS, "api", "train")
    made.connecting()
    return made


def read(message: Message) -> Payload:
    return decode(message.payload)


@pytest.mark.parametrize(
    ("value", "datatype"),
    [
        (61.25, DataType.DOUBLE),
        (0.5, DataType.FLOAT),
        (-1, DataType.INT32),
        (-(2**40), DataType.INT64),
        (2**64 - 1, DataType.UINT64),
        (True, DataType.BOOLEAN),
        ("über", DataType.STRING),
        (None, DataType.DOUBLE),
    ],
)
def test_a_metric_comes_back_as_it_was(value: float | str | None, datatype: DataType) -> None:
    payload = Payload((Metric(value, datatype, "a/b", 7, 5, historical=True, quality=500, unit="degC"),), 9, 255)

    assert decode(encode(payload)) == payload


def test_the_bytes_are_those_of_the_specifications_message() -> None:
    payload = Payload((Metric(3.0, DataType.DOUBLE, alias=1, time_ms=2),), 1, 4)

    # timestamp 1; metrics { alias 1, timestamp 2, datatype 10, double_value 3.0 }; seq 4
    assert encode(payload).hex() == "0801" + "120f" + "1001" + "1802" + "200a" + "690000000000000840" + "1804"


def test_what_is_no_payload_is_refused() -> None:
    with pytest.raises(BadMessage, match="no Sparkplug payload"):
        decode(b"\x12\xff")


def test_a_birth_names_every_metric_with_alias_type_and_newest_value() -> None:
    edge = node()
    edge.remember([Update("R101.TT", 61.5, T_NS), Update("T201.XFER", True, T_NS)])
    births = edge.births()
    metrics = {m.topic: read(m).metrics for m in births}

    assert [message.topic for message in births] == [
        "spBv1.0/api/NBIRTH/train",
        "spBv1.0/api/DBIRTH/train/R101",
        "spBv1.0/api/DBIRTH/train/T201",
    ]
    assert [(m.name, m.value, m.alias) for m in metrics["spBv1.0/api/NBIRTH/train"]] == [
        ("bdSeq", 0, None),
        ("Node Control/Rebirth", False, None),
    ]
    assert metrics["spBv1.0/api/DBIRTH/train/R101"] == (
        Metric(61.5, DataType.DOUBLE, "TT", 1, T_NS // 1_000_000, unit="degC"),
        Metric(None, DataType.INT64, "STEP", 2, T_NS // 1_000_000, quality=0),
    )


def test_the_sequence_goes_on_from_the_birth_and_wraps_after_255() -> None:
    edge = node()
    numbers = [read(message).seq for message in edge.births()]
    for _ in range(300):
        numbers += [read(message).seq for message in edge.data([Update("R101.TT", 1.0, T_NS)])]

    assert numbers == [n % 256 for n in range(303)]
    assert [read(message).seq for message in edge.births()] == [0, 1, 2]


def test_data_has_aliases_and_no_names_and_a_message_for_each_device() -> None:
    edge = node()
    data = list(
        edge.data([Update("R101.TT", 1.0, T_NS), Update("T201.BATCH", "x", T_NS), Update("R101.STEP", 2, T_NS)])
    )

    assert [message.topic.rpartition("/")[2] for message in data] == ["R101", "T201"]
    assert [(m.name, m.alias, m.value) for message in data for m in read(message).metrics] == [
        (None, 1, 1.0),
        (None, 2, 2),
        (None, 4, "x"),
    ]
    assert {(message.qos, message.retain) for message in data} == {(0, False)}


def test_a_bad_value_is_null_with_its_quality() -> None:
    (message,) = node().data([Update("R101.TT", 1.0, T_NS, 0x808C_0000)])
    (metric,) = read(message).metrics

    assert (metric.value, metric.quality) == (None, 0)


def test_will_and_birth_have_one_number_and_each_connection_the_next() -> None:
    edge = EdgeNode(TAGS, "api", "train")
    numbers = []
    for _ in range(257):
        will = read(edge.connecting())
        born = read(edge.births()[0])
        assert will.seq is None
        assert will.metrics[0].value == born.metrics[0].value
        numbers.append(will.metrics[0].value)

    assert numbers == [n % 256 for n in range(257)]
