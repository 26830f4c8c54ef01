"""How people stand to what is told: alarms by priority, findings by class, notices that wait."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from domain.alarms import AlarmState, Transition
from domain.errors import RetryLater
from domain.figures import Reading
from domain.findings import Finding
from domain.ports import Clock
from domain.rules import Priority

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 5.0


class ToldTally:
    """Counts what the judge committed, on its thread; any thread looks. `standing`: the alarms of before."""

    def __init__(self, standing: Iterable[Transition]) -> None:
        self._alarms = {each.alarm: each.priority for each in standing}
        self._findings: Counter[str] = Counter()
        self._transitions: Counter[Priority] = Counter()

    def take(self, findings: Iterable[Finding], transitions: Iterable[Transition]) -> None:
        """Count what one entry led to."""
        for finding in findings:
            if finding.version == 1:
                self._findings[finding.rule.partition(".")[0]] += 1
        for transition in transitions:
            self._transitions[transition.priority] += 1
            if transition.facts.state is AlarmState.NORMAL:
                self._alarms.pop(transition.alarm, None)
            else:
                self._alarms[transition.alarm] = transition.priority

    def figures(self) -> Iterator[Reading]:
        """Findings, alarms that stand, and their changes."""
        for name, count in sorted(self._findings.copy().items()):
            yield Reading("thermowell_findings_total", count, (name,))
        standing = Counter(self._alarms.copy().values())
        for priority in Priority:
            if priority is not Priority.EVENT:
                label = (priority.name.lower(),)
                yield Reading("thermowell_alarms", standing[priority], label)
                yield Reading("thermowell_alarm_transitions_total", self._transitions[priority], label)


def log_changes(transitions: Iterable[Transition], source_of: Callable[[str], str | None]) -> None:
    """A line for each change of an alarm, with what it is about. `source_of` a tag; None: the subject is no tag."""
    for each in transitions:
        source = source_of(each.subject)
        about = {"alarm": each.alarm, "unit": each.unit, "batch": each.batch}
        if source is not None:
            about |= {"tag": each.subject, "source": source}
        told = {name: text for name, text in about.items() if text}
        log.info("%s: %s", each.what, each.message, extra=told)


class OutboxRecords(Protocol):
    """The outbox in the records. Calls block."""

    def waiting_by_channel(self) -> Mapping[str, tuple[int, int]]:
        """How many notices each channel still has to deliver, and when the oldest of them was made."""
        ...


class OutboxLook:
    """Asks the records every few seconds what waits for each channel; while they are away the last answer stands."""

    def __init__(self, records: OutboxRecords, channels: Iterable[str], clock: Clock) -> None:
        """`clock`: that by which notices were made. A simulated plant's may be fast; people wait by the wall's."""
        self._records = records
        self._channels = tuple(channels)
        self._clock = clock
        self._waiting: Mapping[str, tuple[int, int]] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                self._waiting = await asyncio.to_thread(self._records.waiting_by_channel)
            except RetryLater as error:
                log.debug("what waits in the outbox is not known: %s", error)
            await asyncio.sleep(_LOOK_EVERY_S)

    def figures(self) -> Iterator[Reading]:
        """How much waits for each configured channel, and for how long."""
        now_ns = self._clock.now_ns()
        oldest_s = 0.0
        for channel in self._channels:
            count, made_ns = self._waiting.get(channel, (0, now_ns))
            age_s = max(0.0, (now_ns - made_ns) / 1e9 / self._clock.speed)
            oldest_s = max(oldest_s, age_s)
            yield Reading("thermowell_outbox_waiting", count, (channel,))
            yield Reading("thermowell_outbox_oldest_seconds", age_s, (channel,))
        yield Reading("thermowell_buffer_oldest_seconds", oldest_s, ("outbox",))
