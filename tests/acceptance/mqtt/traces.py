"""Reads an strace of a collecting process: what was on disk for certain when, and what was acknowledged when.

The journal's file and its WAL are rebuilt from the traced writes, as they were at each fdatasync, and read with the
journal's own reader. An acknowledgement breaks the rule if it began to be written before an fdatasync had returned
that covers every value it acknowledges. Order is the order of lines: strace writes a call's end when it happens.
"""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary

from collector.mqtt.frames import Control, FrameReader
from domain.entries import START
from domain.samples import SampleBatch
from historian.journal import ReadOnlyJournal

CALLS = "recvfrom,recvmsg,sendto,sendmsg,pwrite64,fdatasync,fsync"  # Python's sockets never use read and write
STRACE = ("strace", "-f", "--seccomp-bpf", "-yy", "-xx", "-s", "1048576", "-e", f"trace={CALLS}")
_RECEIVES = {"recvfrom", "recvmsg"}
_SENDS = {"sendto", "sendmsg"}
_CALL = re.compile(r"(\d+) +(\w+)\(\d+<(.*?)>(?=[,) ])(.*)$")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PUBLISH_RESPONSE, _PUBLISH_REQUEST = 829, 826


@dataclass(frozen=True, slots=True)
class Call:
    """One system call: the lines on which it began and ended, its file, bytes, offset and result."""

    began: int
    ended: int
    name: str
    path: str
    content: bytes
    offset: int
    result: int


@dataclass(slots=True)
class Verdict:
    """Acknowledgements by kind: in order, too early, or of nothing that was seen."""

    in_order: dict[str, int] = field(default_factory=lambda: {"mqtt": 0, "opcua": 0})
    too_early: dict[str, int] = field(default_factory=lambda: {"mqtt": 0, "opcua": 0})
    unmatched: dict[str, int] = field(default_factory=lambda: {"mqtt": 0, "opcua": 0})
    syncs: int = 0


def calls(trace: Path) -> Iterator[Call]:
    """The calls by the line on which they ended."""
    unfinished: dict[tuple[str, str], tuple[int, str, str]] = {}
    with trace.open() as lines:
        for number, line in enumerate(lines):
            found = _CALL.match(line)
            if found is not None:
                thread, name, path, rest = found.groups()
                if "<unfinished ..." in rest:
                    unfinished[thread, name] = (number, path, rest)
                else:
                    yield _call(number, number, name, path, rest)
                continue
            found = _RESUMED.match(line)
            if found is not None and (found[1], found[2]) in unfinished:
                began, path, rest = unfinished.pop((found[1], found[2]))
                yield _call(began, number, found[2], path, rest.replace("<unfinished ...>", "") + found[3])


def _call(began: int, ended: int, name: str, path: str, rest: str) -> Call:
    path = re.sub(r"(?:\\x[0-9a-f]{2})+", lambda found: _unescape(found[0]).decode("utf-8", "replace"), path)
    content = b"".join(_unescape(text) for text in _BYTES.findall(rest))
    offset = re.search(r", (\d+) *\) *= ", rest) if name == "pwrite64" else None
    result = re.search(r"= (-?\d+)[^=]*$", rest)
    return Call(began, ended, name, path, content, int(offset[1]) if offset else 0, int(result[1]) if result else -1)


def _unescape(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


class Disk:
    """The journal's files as the kernel has them, and which values each fdatasync made certain."""

    def __init__(self, journal: Path, folder: Path) -> None:
        self._names = {str(journal): "db", f"{journal}-wal": "wal"}
        self._files = {"db": bytearray(), "wal": bytearray()}
        self._synced = {"db": b"", "wal": b""}
        self._writes: list[Call] = []
        self._folder = folder
        self._read_through = START
        self.certain: dict[tuple[int, float], int] = {}  # (tag, value) → line on which its fdatasync returned
        self.syncs = 0

    def see(self, call: Call) -> None:
        """Take in a write or a sync of the journal."""
        name = self._names.get(call.path.removesuffix(" (deleted)"))
        if name is None:
            return
        if call.name == "pwrite64":
            self._writes.append(call)
        elif call.name in {"fdatasync", "fsync"} and call.result == 0:
            self._sync(call, name)

    def _sync(self, sync: Call, name: str) -> None:
        """What had been written to that file before the sync began is on disk now."""
        for write in [write for write in self._writes if write.ended < sync.began]:
            content = self._files[self._names[write.path]]
            content.extend(b"\0" * (write.offset + len(write.content) - len(content)))
            content[write.offset : write.offset + len(write.content)] = write.content
            self._writes.remove(write)
        self._synced[name] = bytes(self._files[name])
        self.syncs += 1
        for key in self._read():
            self.certain.setdefault(key, sync.ended)

    def _read(self) -> list[tuple[int, float]]:
        """The values of the entries that a reader finds after a power cut now, and had not found before."""
        folder = self._folder / "after-power-cut"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path = folder / "journal.db"
        path.write_bytes(self._synced["db"])
        Path(f"{path}-wal").write_bytes(self._synced["wal"])
        opened = sqlite3.connect(path)  # recovers the WAL
        try:
            opened.execute("PRAGMA user_version").fetchone()
            if not opened.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                return []
            found: list[tuple[int, float]] = []
            journal = ReadOnlyJournal(path)
            while entries := journal.read(self._read_through, 1000):
                for position, entry in entries:
                    self._read_through = position
                    if isinstance(entry, SampleBatch):
                        found += zip(entry.tag.tolist(), entry.value.tolist(), strict=True)
            journal.close()
            return found
        finally:
            opened.close()


class MqttWire:
    """One MQTT connection: packet id → the value that it brought, and the PUBACKs that left."""

    kind = "mqtt"

    def __init__(self) -> None:
        self._received = FrameReader(v5=True, most_bytes=1 << 20)
        self._sent = FrameReader(v5=True, most_bytes=1 << 20)
        self._brought: dict[int, tuple[int, float]] = {}

    def receive(self, content: bytes) -> None:
        for packet in self._received.feed(content):
            if not isinstance(packet, Control):
                for topic, payload, packet_id, _ in packet:
                    value = float(re.search(rb'"v":([\d.]+)', payload)[1])
                    self._brought[packet_id] = (int(topic.rsplit(b"/", 1)[1]), value)

    def send(self, content: bytes) -> Iterator[list[tuple[int, float]]]:
        """What each acknowledgement in these bytes acknowledges; an empty list if nobody knows."""
        for packet in self._sent.feed(content):
            if isinstance(packet, Control) and packet.first == 0x40:
                value = self._brought.pop(int.from_bytes(packet.body[:2], "big"), None)
                yield [] if value is None else [value]


class OpcUaWire:
    """One OPC UA connection without security: sequence number → the values it brought, and what was acknowledged."""

    kind = "opcua"

    def __init__(self, tag_of_handle: dict[int, int]) -> None:
        self._tag_of_handle = tag_of_handle
        self._rest = {"received": b"", "sent": b""}
        self._brought: dict[int, list[tuple[int, float]]] = {}

    def _bodies(self, way: str, content: bytes, type_id: int) -> Iterator[Buffer]:
        stream = self._rest[way] + content
        while len(stream) >= 8 and len(stream) >= (size := int.from_bytes(stream[4:8], "little")):
            chunk, stream = stream[:size], stream[size:]
            if chunk[:4] == b"MSGF":
                body = Buffer(chunk[24:])
                if nodeid_from_binary(body).Identifier == type_id:
                    yield body
        self._rest[way] = stream

    def receive(self, content: bytes) -> None:
        for body in self._bodies("received", content, _PUBLISH_RESPONSE):
            body_start = struct_from_binary(ua.ResponseHeader, body)
            if not body_start.ServiceResult.is_good():
                continue
            result = struct_from_binary(ua.PublishResult, body)
            values = []
            for notification in result.NotificationMessage.NotificationData:
                if isinstance(notification, ua.DataChangeNotification):
                    values += [
                        (self._tag_of_handle[item.ClientHandle], float(item.Value.Value.Value))
                        for item in notification.MonitoredItems
                        if item.ClientHandle in self._tag_of_handle
                    ]
            if values:
                self._brought[result.NotificationMessage.SequenceNumber] = values

    def send(self, content: bytes) -> Iterator[list[tuple[int, float]]]:
        for body in self._bodies("sent", content, _PUBLISH_REQUEST):
            struct_from_binary(ua.RequestHeader, body)
            for one in struct_from_binary(ua.PublishParameters, body).SubscriptionAcknowledgements:
                yield self._brought.pop(one.SequenceNumber, [])


def judge(trace: Path, journal: Path, folder: Path, wires: dict[int, MqttWire | OpcUaWire]) -> Verdict:
    """Compare every acknowledgement with the disk; `wires` by the server's port."""
    disk, verdict = Disk(journal, folder), Verdict()
    sent: list[tuple[str, int, list[tuple[int, float]]]] = []
    for call in calls(trace):
        port = re.search(r"->127\.0\.0\.1:(\d+)\]", call.path)
        wire = wires.get(int(port[1])) if port else None
        if wire is None:
            disk.see(call)
        elif call.name in _RECEIVES and call.result > 0:
            wire.receive(call.content)
        elif call.name in _SENDS and call.result > 0:
            sent += [(wire.kind, call.began, values) for values in wire.send(call.content[: call.result])]
    for kind, began, values in sent:
        if not values:
            verdict.unmatched[kind] += 1
        elif all(disk.certain.get(value, began) < began for value in values):
            verdict.in_order[kind] += 1
        else:
            verdict.too_early[kind] += 1
    verdict.syncs = disk.syncs
    return verdict
