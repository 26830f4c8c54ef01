"""Recorded values in the order of their times, and the sending of them when they are due."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from domain.time import SECOND_NS
from simulators.outlets import Outlet, Update, Value
from simulators.servers.mqtt_payloads import PublishedTag
from simulators.servers.replay_files import Limits, Recording, ReplayError, read_file

logger = logging.getLogger(__name__)

_ROWS_MOST: Final = 20_000_000
_AHEAD_MOST: Final = 5_000  # values that are sent at once
_ROWS_AT_ONCE: Final = 65_536
_TURN_S: Final = 0.01
_TELL_EVERY_S: Final = 5.0
_NULLS: Final[Mapping[type, Value]] = {float: float("nan"), bool: False, str: ""}


@dataclass(frozen=True, slots=True)
class Moment:
    """Values of one recorded time. `due_s` is when they are sent, counted from the start of the replay."""

    due_s: float
    updates: tuple[Update, ...]


class Replay:
    """Recorded values in the order of their times, from `start_ns` to before `end_ns`; ReplayError for bad input.

    `speed`: recorded seconds per second; 0: as fast as it goes. `first_ns`: the first value gets this time, the others
    keep their distance; None: times stay. Bad lines are refused, or left out and told in `bad` with `skip_bad`.
    """

    def __init__(
        self,
        files: Sequence[Path],
        *,
        start_ns: int = -(2**63),
        end_ns: int = 2**63 - 1,
        speed: float = 1.0,
        first_ns: int | None = None,
        skip_bad: bool = False,
    ) -> None:
        if not 0 <= speed < float("inf"):
            raise ReplayError(f"the speed is {speed}, not 0 or more")
        if start_ns >= end_ns:
            raise ReplayError("the range ends before it starts")
        recording = Recording()
        for file in files:
            read_file(file, Limits(start_ns, end_ns, _ROWS_MOST), recording)
        if recording.bad_count and not skip_bad:
            raise ReplayError(_shown(recording))
        if not recording.rows:
            raise ReplayError(f"no value between the start and the end in {', '.join(map(str, files))}")
        self.speed = speed
        self.rows = recording.rows
        self.bad = tuple(recording.bad)
        self.tags = tuple(
            PublishedTag(column.tag if "." in column.tag else f"replay.{column.tag}", column.kind or float, column.unit)
            for column in recording.columns.values()
        )
        self._columns = tuple(recording.columns.values())
        lengths = [len(column.time_ns) for column in self._columns]
        time_ns = np.concatenate([np.array(column.time_ns, np.int64) for column in self._columns])
        order = np.argsort(time_ns, kind="stable")
        self._time_ns = time_ns[order]
        self._column = np.repeat(np.arange(len(lengths)), lengths)[order]
        self._row = np.concatenate([np.arange(length) for length in lengths])[order]
        self.first_ns, self.last_ns = int(self._time_ns[0]), int(self._time_ns[-1])
        self._shift_ns = 0 if first_ns is None else first_ns - self.first_ns

    def moments(self, now_ns: int | None = None) -> Iterator[Moment]:
        """The values, those of one time together. With `now_ns` each gets the time at which it is due from then on."""
        updates: list[Update] = []
        recorded_ns = self.first_ns
        for time_ns, column, row in self._in_order():
            if time_ns != recorded_ns:
                yield Moment(self._due_s(recorded_ns), tuple(updates))
                updates, recorded_ns = [], time_ns
            shown_ns = time_ns + self._shift_ns if now_ns is None else now_ns + round(self._due_s(time_ns) * SECOND_NS)
            updates.append(self._update(column, row, shown_ns))
        yield Moment(self._due_s(recorded_ns), tuple(updates))

    def _in_order(self) -> Iterator[tuple[int, int, int]]:
        """(time, column, row) of every value, by time."""
        for start in range(0, self.rows, _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            yield from zip(
                self._time_ns[part].tolist(), self._column[part].tolist(), self._row[part].tolist(), strict=True
            )

    def _due_s(self, time_ns: int) -> float:
        return (time_ns - self.first_ns) / SECOND_NS / self.speed if self.speed else 0.0

    def _update(self, column: int, row: int, time_ns: int) -> Update:
        recorded, tag = self._columns[column], self.tags[column]
        value = recorded.value[row]
        return Update(tag.name, _NULLS[tag.kind] if value is None else value, time_ns, recorded.status[row])


async def feed(replay: Replay, outlets: Sequence[Outlet], stop: asyncio.Event, *, now: bool = False) -> int:
    """Send everything when it is due, until `stop`; returns how many values went. `now`: with the times of sending."""
    sent, waiting = 0, list[Update]()
    started_s, told_s = time.monotonic(), time.monotonic()
    for moment in replay.moments(time.time_ns() if now else None):
        ahead_s = moment.due_s - (time.monotonic() - started_s)
        if waiting and (ahead_s > 0 or len(waiting) >= _AHEAD_MOST):
            sent += await _send(outlets, waiting)
            waiting = []
        while (ahead_s := moment.due_s - (time.monotonic() - started_s)) > 0 and not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(min(ahead_s, _TELL_EVERY_S), _TURN_S))
        if stop.is_set():
            return sent
        if time.monotonic() > told_s + _TELL_EVERY_S:
            told_s = time.monotonic()
            logger.info("%s of %s values, %.1f s behind", f"{sent:,}", f"{replay.rows:,}", max(-ahead_s, 0.0))
        waiting.extend(moment.updates)
    return sent + await _send(outlets, waiting)


async def _send(outlets: Sequence[Outlet], updates: Sequence[Update]) -> int:
    for outlet in outlets:
        await outlet.write(updates)
    await asyncio.sleep(0)  # the servers' turn
    return len(updates)


def _shown(recording: Recording) -> str:
    more = recording.bad_count - len(recording.bad)
    return "\n".join([*recording.bad, *([f"… and {more:,} more"] if more else [])])
