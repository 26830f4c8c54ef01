"""The clock of a whole machine, as the service's processes see it, that a test sets while they run.

Python imports `sitecustomize` as it starts: there `time.time` and `time.time_ns` of every process of the service show
what the test has set. The monotonic clock goes on as it does, as on a machine whose clock is set. (libfaketime serves
not: under it `time.sleep` of Python 3.11 and newer fails, for that sleeps until a moment of the monotonic clock.)
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from domain.time import parse_time_ns

_IN_EVERY_PROCESS = """\
import time

_FILE, _time_ns = {file!r}, time.time_ns


def _set_time_ns():
    with open(_FILE) as ahead_ns:
        return _time_ns() + int(ahead_ns.read())


time.time_ns = _set_time_ns
time.time = lambda: _set_time_ns() / 1e9
"""


class MachineClock:
    """Goes on at the wall's pace from where it is set, for every process of Python that has its `environment`."""

    def __init__(self, folder: Path, shows: str) -> None:
        self._file = folder / "machine-clock"
        self._site = folder / "machine"
        self._site.mkdir()
        (self._site / "sitecustomize.py").write_text(_IN_EVERY_PROCESS.format(file=str(self._file)))
        self._ahead_ns = 0
        self.shows(shows)

    def __call__(self) -> int:
        """UTC ns."""
        return time.time_ns() + self._ahead_ns

    def shows(self, moment: str) -> None:
        """Set it."""
        self.jumps(parse_time_ns(moment) - self())

    def jumps(self, by_ns: int) -> None:
        """Set it ahead, or back."""
        self._ahead_ns += by_ns
        new = self._file.with_suffix(".new")
        new.write_text(str(self._ahead_ns))
        new.replace(self._file)

    @property
    def environment(self) -> Mapping[str, str]:
        """Of the processes that shall have it."""
        paths = [str(self._site), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(paths)}
