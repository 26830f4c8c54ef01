"""`thermowell run`: keeps the processes of the service alive, each on its own.

What ends is started again after a growing pause, for ever. Only what is refused (`service.exits`) ends the service, and
that only when it begins: a process that ran before, and is refused now, is tried again, and the others go on.
"""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from service.exits import REFUSED
from service.machine import RESTARTS
from service.roles import USUAL

log = logging.getLogger(__name__)

SUPERVISED = "--supervised"
"""Said by the supervisor to its own processes: they end with it. One of its own ends with nobody."""

_SHORTEST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_STEADY_S = 60.0
_STOP_WITHIN_S = 20.0
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel end this process with its supervisor, so that no second writer is left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@dataclass(slots=True)
class Child:
    """One process of the service, by its roles."""

    roles: str
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    pause_s: float = _SHORTEST_PAUSE_S
    due_s: float = 0.0
    restarts: int = 0
    was_steady: bool = False


class Supervisor:
    """Starts a process per role and starts it again when it ends, after a growing pause."""

    def __init__(self, config: Path, extra: tuple[str, ...] = ()) -> None:
        self._command = [sys.executable, "-m", "service.cli", "run", "--config", str(config), SUPERVISED, *extra]
        self._children = [Child(",".join(roles)) for roles in USUAL]
        self._stopping = False

    def run(self) -> int:
        """Supervise until told to stop (SIGTERM, SIGINT); the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        code = 0
        while not self._stopping:
            for child in self._children:
                if self._look_after(child) == REFUSED and not child.was_steady:
                    code, self._stopping = REFUSED, True
            time.sleep(0.1)
        self._end_all()
        return code

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _look_after(self, child: Child) -> int | None:
        now_s = time.monotonic()
        if child.process is None:
            if now_s >= child.due_s:
                command = [*self._command, "--role", child.roles]
                child.process = subprocess.Popen(command, env={**os.environ, RESTARTS: str(child.restarts)})  # noqa: S603  our own program
                child.started_s = now_s
            return None
        code = child.process.poll()
        if code is None:
            if now_s - child.started_s > _STEADY_S:
                child.pause_s, child.was_steady = _SHORTEST_PAUSE_S, True
            return None
        if code == REFUSED and child.was_steady:
            child.pause_s = _LONGEST_PAUSE_S
        log.error("the process of %s ended with %s; starting it again in %.1f s", child.roles, code, child.pause_s)
        child.restarts += 1
        child.process, child.due_s = None, now_s + child.pause_s
        child.pause_s = min(child.pause_s * 2, _LONGEST_PAUSE_S)
        return code

    def _end_all(self) -> None:
        """Stop all, the core last to take what is on its way; kill what does not stop in time."""
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline_s = time.monotonic() + _STOP_WITHIN_S
        for process in running:
            try:
                process.wait(max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("process %d did not stop within %.0f s; killing it", process.pid, _STOP_WITHIN_S)  # noqa: TRY400  the stack says nothing
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
