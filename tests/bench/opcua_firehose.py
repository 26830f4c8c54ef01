"""A server that answers every Publish at once with the next of some canned notifications: it saturates any client.

The channel, the session and the subscription are asyncua's own; only Publish and CreateMonitoredItems are answered
here. `python -m tests.bench.opcua_firehose PORT VALUES KIND`, KIND `double`, `mixed` or `paced`; prints `ready`. Paced, it
answers one Publish every 100 ms, and every value's source time is the moment of sending.

Values: 20 tags share a scan time with 1 ms of jitter, two thirds with two decimals, the rest with one, drifting slowly.
"""

import asyncio
import itertools
import logging
import struct
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from asyncua import Server, ua
from asyncua.common.utils import Buffer
from asyncua.server import uaprocessor
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

URI = "urn:bench:firehose"
FIRST_HANDLE = 1000
EPOCH_TICKS = 116_444_736_000_000_000
SECOND_TICKS = 10_000_000
MESSAGES = {100: 2000, 500: 16, 1000: 256, 10_000: 40}
DOUBLE = np.dtype(
    [("handle", "<u4"), ("mask", "u1"), ("type", "u1"), ("value", "<f8"), ("source", "<i8"), ("server", "<i8")]
)
MIXED = {11: "<d", 1: "<?", 6: "<i", 10: "<f"}
REQUEST_MARK, SEQUENCE_MARK, SUBSCRIPTION_MARK = 0x1A2B3C4D, 0xA1B2C3D4, 0x5E6F7A8B


def notifications(values: int, kind: str) -> list[bytearray]:
    """Whole Publish responses, to be patched with request handle, subscription and sequence number."""
    rng = np.random.default_rng(1)
    level = rng.uniform(1, 300, values)
    decimals = np.where(np.arange(values) % 3 < 2, 100.0, 10.0)
    scan = rng.integers(0, SECOND_TICKS, (values + 19) // 20).repeat(20)[:values]
    started = time.time_ns() // 100 + EPOCH_TICKS
    head, tail = _envelope()
    made = []
    for number in range(MESSAGES[values]):
        level += rng.normal(0, 0.02, values)
        items = np.zeros(values, DOUBLE)
        items["handle"] = FIRST_HANDLE + np.arange(values)
        items["mask"], items["type"] = 13, 11
        items["value"] = np.round((level + rng.normal(0, 0.03, values)) * decimals) / decimals
        jitter = rng.normal(0, 10_000, (values + 19) // 20).astype(np.int64).repeat(20)[:values]
        items["source"] = started + number * SECOND_TICKS + scan + jitter
        items["server"] = started + (number + 1) * SECOND_TICKS + 12_340
        body = items.tobytes() if kind != "mixed" else b"".join(_mixed(i, item) for i, item in enumerate(items))
        made.append(bytearray(head + struct.pack("<ii", 8 + len(body), values) + body + struct.pack("<i", -1) + tail))
    decoded = struct_from_binary(ua.PublishResponse, Buffer(bytes(made[0])))
    assert len(decoded.Parameters.NotificationMessage.NotificationData[0].MonitoredItems) == values
    return made


def _envelope() -> tuple[bytes, bytes]:
    """The bytes before the notification's length and after its end."""
    response = ua.PublishResponse()
    response.ResponseHeader.RequestHandle = REQUEST_MARK
    response.Parameters.SubscriptionId = SUBSCRIPTION_MARK
    response.Parameters.NotificationMessage = ua.NotificationMessage(
        SequenceNumber=SEQUENCE_MARK, NotificationData=[ua.DataChangeNotification(MonitoredItems=[])]
    )
    encoded = struct_to_binary(response)
    at = encoded.index(b"\x01" + struct.pack("<iii", 8, 0, 0)) + 1
    return encoded[:at], encoded[at + 12 :]


def _mixed(index: int, item: np.void) -> bytes:
    value_type = (11, 1, 6, 10)[(index * 7919 >> 3) % 4]
    value = struct.pack(MIXED[value_type], {1: True, 6: int(item["value"])}.get(value_type, float(item["value"])))
    times = struct.pack("<qq", item["source"], item["server"])
    return struct.pack("<IBB", item["handle"], 13, value_type) + value + times


def for_ever(canned: list[bytearray], values: int, kind: str) -> Iterator[bytearray]:
    """The notifications in turn; doubles move on in time with every round, so that no row comes twice."""
    if kind == "mixed":
        yield from itertools.cycle(canned)
    at = _items_at(canned[0], values)
    items = [np.frombuffer(message, DOUBLE, values, at) for message in canned]
    while True:
        for message, rows in zip(canned, items, strict=True):
            yield message
            rows["source"] += len(canned) * SECOND_TICKS
            rows["server"] += len(canned) * SECOND_TICKS


_places: dict[int, int] = {}


def _items_at(message: bytearray, values: int) -> int:
    """Where the items begin; the same in every message."""
    if values not in _places:
        _places[values] = message.index(struct.pack("<i", values), message.index(struct.pack("<I", SEQUENCE_MARK))) + 4
    return _places[values]


async def _later(processor: object, send: Callable[..., None], header: object, sequence_header: object) -> None:
    """Answer in the next free slot of 100 ms."""
    loop = asyncio.get_running_loop()
    processor.slot = max(getattr(processor, "slot", 0.0) + 0.1, loop.time())
    await asyncio.sleep(processor.slot - loop.time())
    send(processor, header, sequence_header)


def answer_at_once(values: int, kind: str) -> None:
    """Replace asyncua's handling of Publish and CreateMonitoredItems."""
    canned = notifications(values, kind)
    at = [canned[0].index(struct.pack("<I", mark)) for mark in (REQUEST_MARK, SUBSCRIPTION_MARK, SEQUENCE_MARK)]
    cycle = for_ever(canned, values, kind)
    usual = uaprocessor.UaProcessor._process_message
    publish = ua.NodeId(ua.ObjectIds.PublishRequest_Encoding_DefaultBinary)
    create = ua.NodeId(ua.ObjectIds.CreateMonitoredItemsRequest_Encoding_DefaultBinary)
    good = ua.MonitoredItemCreateResult(RevisedQueueSize=ua.UInt32(1000))

    def send(self, header, sequence_header):
        self.sent = getattr(self, "sent", 0) + 1
        response = next(cycle)
        if kind == "paced":
            rows = np.frombuffer(response, DOUBLE, values, _items_at(response, values))
            rows["source"] = rows["server"] = time.time_ns() // 100 + EPOCH_TICKS
        subscription = max(self.session.subscription_service.subscriptions)
        for place, number in zip(at, (header.RequestHandle, subscription, self.sent), strict=True):
            struct.pack_into("<I", response, place, number)
        self._transport.write(self._connection.message_to_binary(bytes(response), request_id=sequence_header.RequestId))

    async def process(self, type_id, header, sequence_header, body):
        if type_id == publish and kind == "paced":
            asyncio.get_running_loop().create_task(_later(self, send, header, sequence_header))
            return True
        if type_id == publish:
            send(self, header, sequence_header)
            return True
        if type_id == create:
            wanted = struct_from_binary(ua.CreateMonitoredItemsParameters, body)
            response = ua.CreateMonitoredItemsResponse()
            response.Results = [good] * len(wanted.ItemsToCreate)
            self.send_response(header.RequestHandle, sequence_header, response)
            return True
        return await usual(self, type_id, header, sequence_header, body)

    uaprocessor.UaProcessor._process_message = process


async def serve(port: int) -> None:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.register_namespace(URI)
    async with server:
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    answer_at_once(int(sys.argv[2]), sys.argv[3])
    asyncio.run(serve(int(sys.argv[1])))
