"""The bench as a process: started with a scenario, ended with the test."""

import json
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

START_WITHIN_S: Final = 60.0
_END_WITHIN_S: Final = 20.0
_TOLD_OF_LOG: Final = 2000  # characters of it, where the bench did not start


class NotServed(Exception):
    """The bench cannot be started, or ended before it was ready; the message has what it said."""


class BenchProcess:
    """`COMMAND bench serve …`, up when the constructor returns. `ready` is its ready line, `log` what it writes."""

    def __init__(self, command: Sequence[str], arguments: Sequence[str], folder: Path) -> None:
        self.log = folder / "bench.log"
        if not command or shutil.which(command[0]) is None:
            program = command[0] if command else "(nothing)"
            raise NotServed(
                f"there is no program {program!r}: install thermowell where it can be found, or say how to start it "
                "with the ini option thermowell_command or the variable THERMOWELL_COMMAND"
            )
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command is the test suite's own
                [*command, "bench", "serve", *arguments], stdout=subprocess.PIPE, stderr=log, cwd=folder
            )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.ready = self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it; it is killed where it does not end by itself."""
        self._process.terminate()
        try:
            self._process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_END_WITHIN_S)

    def _read(self) -> None:
        """Hand lines over, and go on reading, so that the process never waits for a full pipe; one empty at the end."""
        stream = self._process.stdout
        assert stream is not None
        with stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put(b"")

    def _wait(self) -> dict[str, Any]:
        ends = time.monotonic() + START_WITHIN_S
        while (left_s := ends - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left_s)
            except queue.Empty:
                break
            if not line:
                raise NotServed(f"the bench ended before it was ready:\n{self._said()}")
            told = _ready_line(line)
            if told is not None:
                return told
        raise NotServed(f"the bench was not ready within {START_WITHIN_S:.0f} s:\n{self._said()}")

    def _said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-_TOLD_OF_LOG:].strip() or "(it said nothing)"


def _ready_line(line: bytes) -> dict[str, Any] | None:
    """The ready line's content; None: it is another line."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) and told.get("ready") is True else None
