"""What the service stands on: its process, the kernel's clock, the disk, the certificates."""

import ctypes
import os
import platform
import resource
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from domain.figures import Reading
from service.starts import failure_figures
from service.version import VERSION

RESTARTS = "THERMOWELL_RESTARTS"
"""The variable by which a supervisor tells a process how often it was started again."""

_SUFFIXES = (".der", ".crt", ".cer", ".pem")
_JUMP_NS = 1_000_000_000
_LOOK_AGAIN_S = 600.0
_TIME_ERROR = 5  # of adjtimex(2): the clock is not synchronised
_MOST_CERTIFICATES = 50
_DAY_S = 86_400.0
_EARLIEST_WARNING_DAYS = 14


def build_figures() -> Iterator[Reading]:
    """What runs."""
    yield Reading("thermowell_build_info", 1, (VERSION, platform.python_version()))


def process_figures(process: str) -> Iterator[Reading]:
    """What this process uses: as the kernel counts it."""
    label = (process,)
    yield Reading("thermowell_process_cpu_seconds_total", time.process_time(), label)
    yield Reading("thermowell_process_restarts_total", int(os.environ.get(RESTARTS, "0")), label)
    yield Reading("thermowell_process_threads", threading.active_count(), label)
    yield Reading("thermowell_process_max_fds", resource.getrlimit(resource.RLIMIT_NOFILE)[0], label)
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        yield Reading("thermowell_process_resident_memory_bytes", pages * resource.getpagesize(), label)
        yield Reading("thermowell_process_open_fds", len(os.listdir("/proc/self/fd")) - 1, label)  # noqa: PTH208  one call


class _Timex(ctypes.Structure):
    """adjtimex(2)'s struct: only `modes` is given, 0 to look; the rest is room for the answer."""

    _fields_ = (("modes", ctypes.c_uint), ("rest", ctypes.c_byte * 512))


def is_synchronised() -> bool | None:
    """Whether the kernel says that a time server holds its clock; None where it does not tell."""
    if sys.platform != "linux":
        return None
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(_Timex()))
    except AttributeError:
        return None
    return None if state < 0 else state != _TIME_ERROR


@dataclass(slots=True)
class ClockWatch:
    """Notices that the machine's clock was set: it then moved otherwise than the one that cannot be set."""

    jumps: int = 0
    last_jump_s: float | None = None  # monotonic
    _difference_ns: int | None = None

    def look(self, wall_ns: int, monotonic_ns: int) -> None:
        """Compare the clocks; more than a second apart since the last look is a jump, less is slewing."""
        difference_ns = wall_ns - monotonic_ns
        if self._difference_ns is not None and abs(difference_ns - self._difference_ns) > _JUMP_NS:
            self.jumps += 1
            self.last_jump_s = monotonic_ns / 1e9
        self._difference_ns = difference_ns


@dataclass(slots=True)
class Certificates:
    """When the certificates of some files and folders end; the files are read every ten minutes."""

    places: Sequence[tuple[str, Path]]  # a name, and a file or a folder of certificates
    _read_s: float | None = None
    _known: list[Reading] = field(default_factory=list)

    def figures(self) -> Sequence[Reading]:
        """The end of each, at most fifty. What cannot be read has none: who needs it says so."""
        now_s = time.monotonic()
        if self._read_s is None or now_s - self._read_s > _LOOK_AGAIN_S:
            self._known = [
                reading
                for name, life in list(self._lives())[:_MOST_CERTIFICATES]
                for reading in certificate_figures(name, *life)
            ]
            self._read_s = now_s
        return self._known

    def _lives(self) -> Iterator[tuple[str, tuple[float, float]]]:
        for name, place in self.places:
            if place.is_dir():
                files = (file for file in sorted(place.iterdir()) if file.suffix.lower() in _SUFFIXES)
                named = [(f"{name}/{file.name}", file) for file in files]
            else:
                named = [(name, place)]
            for told, file in named:
                life = _life_of(file)
                if life is not None:
                    yield told, life


def certificate_figures(name: str, begin_s: float, end_s: float) -> Iterator[Reading]:
    """When a certificate ends, and from when on its end is near: what lives for days is renewed in its last third."""
    warning_s = min(_EARLIEST_WARNING_DAYS * _DAY_S, (end_s - begin_s) / 3)
    yield Reading("thermowell_certificate_expiry_timestamp_seconds", end_s, (name,))
    yield Reading("thermowell_certificate_renewal_timestamp_seconds", end_s - warning_s, (name,))


def _life_of(file: Path) -> tuple[float, float] | None:
    """Begin and end of a file's first certificate, s since 1970; None if there is none to be read (a key, say)."""
    from cryptography import x509  # noqa: PLC0415  loads for who has certificates

    try:
        content = file.read_bytes()
        is_pem = content.lstrip().startswith(b"-----BEGIN")
        load = x509.load_pem_x509_certificate if is_pem else x509.load_der_x509_certificate
        certificate = load(content)
        return certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    except (OSError, ValueError):
        return None


@dataclass(slots=True)
class Machine:
    """The machine under the core. Its methods block for a moment."""

    data: Path
    run: Path
    certificates: Certificates
    clock: ClockWatch = field(default_factory=ClockWatch)

    def figures(self) -> Iterator[Reading]:
        """Process, disk, clock and certificates."""
        yield from process_figures("core")
        yield from failure_figures(self.run, time.time())
        disk = os.statvfs(self.data)
        yield Reading("thermowell_disk_free_bytes", disk.f_bavail * disk.f_frsize)
        yield Reading("thermowell_disk_size_bytes", disk.f_blocks * disk.f_frsize)
        self.clock.look(time.time_ns(), time.monotonic_ns())
        yield Reading("thermowell_clock_jumps_total", self.clock.jumps)
        synchronised = is_synchronised()
        if synchronised is not None:
            yield Reading("thermowell_clock_synchronised", int(synchronised))
        yield from self.certificates.figures()
