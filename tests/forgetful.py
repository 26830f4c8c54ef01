"""A disk that forgets what was not synced, as a VFS of SQLite (through apsw), and a power cut at any write to it."""

import random
from dataclasses import dataclass, field

import apsw

SECTOR = 512


class PowerCut(apsw.IOError):
    """Nothing reaches the disk any more."""


@dataclass
class Content:
    """A file: what a running program reads, what a power cut leaves for certain, and the writes in between."""

    live: bytearray = field(default_factory=bytearray)
    synced: bytes = b""
    unsynced: list[tuple[int, bytes]] = field(default_factory=list)

    def write(self, at: int, data: bytes) -> None:
        _put(self.live, at, data)
        self.unsynced.append((at, data))

    def sync(self) -> None:
        self.synced = bytes(self.live)
        self.unsynced.clear()

    def after_power_cut(self, chance: random.Random) -> "Content":
        """The synced bytes, and of what was written since any sectors: a disk writes them in the order it likes."""
        left = bytearray(self.synced)
        for at, data in self.unsynced:
            for start in range(0, len(data), SECTOR):
                if chance.random() < 0.5:
                    _put(left, at + start, data[start : start + SECTOR])
        return Content(left, bytes(left))


class Disk:
    """All files by name. The power fails after `operations` more writes, syncs or truncations; None: never."""

    def __init__(self, files: dict[str, Content] | None = None, *, operations: int | None = None) -> None:
        self.files = {} if files is None else files
        self.operations = operations
        self.syncs = 0

    def operate(self) -> None:
        """One more; PowerCut once there are none left, for ever."""
        if self.operations is not None:
            if self.operations == 0:
                raise PowerCut("the power is cut")
            self.operations -= 1

    def after_power_cut(self, chance: random.Random) -> "Disk":
        """What the machine finds when the power is back."""
        return Disk({name: content.after_power_cut(chance) for name, content in self.files.items()})


class ForgetfulFile:
    """What SQLite asks of an open file; the names are its own."""

    def __init__(self, disk: Disk, name: str) -> None:
        self._disk = disk
        self._content = disk.files.setdefault(name, Content())  # creating a file is durable at once in this model

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        return bytes(self._content.live[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.operate()
        self._content.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._disk.operate()
        del self._content.live[size:]

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.operate()
        self._disk.syncs += 1
        self._content.sync()

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._content.live)

    def xClose(self) -> None:  # noqa: N802
        pass

    def xLock(self, level: int) -> None:  # noqa: N802
        pass

    def xUnlock(self, level: int) -> None:  # noqa: N802
        pass

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, operation: int, pointer: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0


class ForgetfulVfs(apsw.VFS):
    """SQLite's way to a `Disk`; everything but files (time, randomness) comes from the default VFS."""

    def __init__(self, name: str, disk: Disk) -> None:
        self._disk = disk
        self.name = name
        super().__init__(name, "")

    def xOpen(self, name: "str | apsw.URIFilename | None", flags: list[int]) -> ForgetfulFile:  # noqa: N802
        if name is None:
            name = f"temporary-{len(self._disk.files)}"
        return ForgetfulFile(self._disk, name if isinstance(name, str) else name.filename())

    def xDelete(self, name: str, sync_directory: bool) -> None:  # noqa: N802
        self._disk.operate()
        self._disk.files.pop(name, None)

    def xAccess(self, name: str, flags: int) -> bool:  # noqa: N802
        return name in self._disk.files

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name


def _put(into: bytearray, at: int, data: bytes) -> None:
    into.extend(bytes(max(0, at + len(data) - len(into))))
    into[at : at + len(data)] = data
