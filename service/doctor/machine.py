"""The machine: its clock, its disk, its limits."""

import ctypes
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from service.config.build import Configuration
from service.doctor.row import Row, look, not_checked, ok, wrong
from service.files import Files
from service.gauges import figures_of, read_report

_NOT_SYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_STATUS_BYTES = 512  # more than any kernel's struct timex
_SYNCS = 20
_SLOW_S, _TOO_SLOW_S = 0.05, 0.5
_HOURS_LOOK, _HOURS_WRONG = 72.0, 8.0
_FREE_WRONG_BYTES = 500_000_000
_FILES = 1024
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs", "afs"})
_FORGETFUL = frozenset({"tmpfs", "ramfs", "overlay"})


def clock(configuration: Configuration) -> Iterator[Row]:
    """Whether this machine's clock is kept by anybody, and whether the rules of time zones are there."""
    if not sys.platform.startswith("linux"):
        yield not_checked("clock", "the kernel cannot be asked here", "See that a time service keeps this clock.")
    elif ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_STATUS_BYTES)) == _NOT_SYNCHRONISED:
        advice = "Start a time service (chrony, systemd-timesyncd): holds and gaps are told by this clock."
        yield look("clock", "the kernel says that no time service keeps this clock", advice)
    else:
        yield ok("clock", "kept by a time service")
    shifts = configuration.rulebook.shifts
    name = "UTC" if shifts is None else shifts.zone
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        yield wrong("time zones", f"the rules of {name} are not there: {error}", "Install the package tzdata.")
    else:
        yield ok("time zones", f"the rules of {name} are there")


def disk(configuration: Configuration) -> Iterator[Row]:
    """Room, kind and speed of where the data folder is."""
    folder = _there(configuration.data)
    free = shutil.disk_usage(folder).free
    if free < _FREE_WRONG_BYTES:
        yield wrong(
            "disk space", f"{free / 1e6:.0f} MB are free for {folder}", "Make room: nothing is taken once it is full."
        )
    else:
        yield ok("disk space", f"{free / 1e9:.1f} GB are free for {folder}")
    yield _kind(folder)
    yield _speed(folder)


def journal(configuration: Configuration) -> Iterator[Row]:
    """How long the journal has room if nothing leaves it."""
    figures = {reading.name: reading.value for reading in figures_of(read_report(Files(configuration.data).run))}
    used, left_s = figures.get("thermowell_journal_bytes"), figures.get("thermowell_journal_left_seconds")
    if not isinstance(used, float | int):
        yield not_checked("journal", "the service does not run", "Ask again while it runs.")
        return
    quota = configuration.quota_bytes
    seen = f"{used / 1e6:.0f} MB are used of {'the disk' if quota is None else f'{quota / 1e6:.0f} MB'}"
    if not isinstance(left_s, float | int):
        yield ok("journal", f"{seen}; it does not grow now")
        return
    left = left_s / 3600
    seen += f"; at the present rate {left:.0f} h are left if nothing leaves it"
    advice = "Raise journal.quota, or find out why followers are behind (/v1/health, thermowell_store_cursor)."
    if left < _HOURS_WRONG:
        yield wrong("journal", seen, advice)
    elif left < _HOURS_LOOK:
        yield look("journal", seen, advice)
    else:
        yield ok("journal", seen)


def limits(_: Configuration) -> Iterator[Row]:
    """How many files a process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else 1 << 20
    if most < _FILES:
        yield wrong("open files", f"{most} are allowed", f"Allow {_FILES} or more (LimitNOFILE=, ulimit -n).")
    else:
        yield ok("open files", f"{soft} are allowed, up to {most}")


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _kind(folder: Path) -> Row:
    kind = file_system_of(folder)
    if kind in _REMOTE:
        return wrong(
            "file system",
            f"{folder} is on {kind}, over the network",
            "Move it to a local disk: SQLite's log needs one.",
        )
    if kind in _FORGETFUL:
        return wrong(
            "file system", f"{folder} is on {kind}, which forgets", "Put the data folder on a disk or a volume."
        )
    return ok("file system", kind) if kind else not_checked("file system", "it cannot be told here")


def file_system_of(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The kind of file system that a folder is on, as the kernel names it; empty where that cannot be told."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    best, kind = Path(), ""
    for line in lines:
        place, _, rest = line.partition(" - ")
        mounted = Path(place.split()[4].encode().decode("unicode_escape"))
        if folder.resolve().is_relative_to(mounted) and len(mounted.parts) >= len(best.parts):
            best, kind = mounted, rest.split()[0]
    return kind


def _speed(folder: Path) -> Row:
    """How long a small write takes until it is durable: each acknowledgement waits for one."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            taken = []
            for _ in range(_SYNCS):
                begun_s = time.perf_counter()
                file.write(b"\0" * 4096)
                file.flush()
                os.fdatasync(file.fileno())
                taken.append(time.perf_counter() - begun_s)
    except OSError as error:
        return wrong(
            "disk speed", f"nothing can be written in {folder}: {error.strerror}", "Make it writable, or make room."
        )
    middle_s, longest_s = sorted(taken)[_SYNCS // 2], max(taken)
    seen = f"a durable write takes {middle_s * 1e3:.1f} ms, at most {longest_s * 1e3:.1f} ms of {_SYNCS}"
    if middle_s > _TOO_SLOW_S:
        return wrong("disk speed", seen, "Use another disk: each acknowledgement waits for such a write.")
    if middle_s > _SLOW_S:
        return look("disk speed", seen, "Alarms come later by as much; a solid-state disk takes 1 to 5 ms.")
    return ok("disk speed", seen)
