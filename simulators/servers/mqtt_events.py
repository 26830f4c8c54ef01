"""What a batch system tells of the plant over MQTT: batches, phases and transfers, one JSON event in each message."""

import json
from dataclasses import dataclass, field
from typing import Final

from domain.time import SECOND_NS, format_time
from simulators.campaign import Campaign, Situation
from simulators.layout import Layout
from simulators.servers.mqtt_payloads import Message

EVENT_TOPIC: Final = "plant/batches"
_RESTING: Final = frozenset({"idle"})


@dataclass(slots=True)
class BatchTeller:
    """Watches a campaign, as one of its observers, and has the messages that a batch system would send.

    What a hold tank collects is a lot with a number of its own: reactors that feed one tank become its parents. Ids
    follow from unit and second, so a run that is repeated tells the same events. `origin_ns` is the plant's second 0.
    """

    layout: Layout
    origin_ns: int
    topic: str = EVENT_TOPIC
    messages: list[Message] = field(default_factory=list)  # not sent yet; who sends them empties it
    _before: dict[str, Situation] = field(default_factory=dict)

    def observe(self, campaign: Campaign) -> None:
        """Tell what changed since the last step. Batches begin before transfers: a tank's lot is there as it fills."""
        tanks = {line.tank for line in self.layout.lines}
        news = []
        for unit in (*tanks, *self.layout.reactors):
            now = campaign.situation(unit)
            before = self._before.get(unit, Situation("", 0, "idle", 0))
            if now != before:
                self._before[unit] = now
                news.append((unit, before, now))
        for unit, before, now in news:
            is_tank = unit in tanks
            self._tell_end(
                unit, before, now, campaign.second, _batch(unit, before, is_tank), _batch(unit, now, is_tank)
            )
        for unit, before, now in news:
            if unit not in tanks:
                self._tell_transfer(unit, before, now, campaign.second)

    def _tell_end(self, unit: str, before: Situation, now: Situation, second: int, old: str, new: str) -> None:
        if before.phase != now.phase and before.phase not in _RESTING:
            self._send("phase_end", unit, second, unit=unit, phase=before.phase)
        if old and old != new:
            self._send("batch_end", unit, second, unit=unit, batch=old)
        if new and old != new:
            self._send("batch_start", unit, second, unit=unit, batch=new)
        if before.phase != now.phase and now.phase not in _RESTING:
            named = {"batch": new} if new else {}
            self._send("phase_start", unit, second, unit=unit, phase=now.phase, **named)

    def _tell_transfer(self, unit: str, before: Situation, now: Situation, second: int) -> None:
        tank = self.layout.lines[self.layout.feeds[self.layout.reactors.index(unit)]].tank
        for event, flows in (("transfer_end", before.phase), ("transfer_start", now.phase)):
            if flows == "transfer" and before.phase != now.phase:
                self._send(event, unit, second, **{"from": unit, "to": tank, "batch": before.batch or now.batch})

    def _send(self, event: str, teller: str, second: int, **members: str) -> None:
        time = format_time(self.origin_ns + second * SECOND_NS)
        told = {"id": f"{teller}-{second}-{event}", "event": event, "time": time, **members}
        self.messages.append(Message(self.topic, json.dumps(told).encode()))


def _batch(unit: str, situation: Situation, is_tank: bool) -> str:  # noqa: FBT001 - a fact of the unit
    """The batch as the batch system calls it."""
    return f"{unit}-L{situation.batch_number}" if is_tank and situation.batch else situation.batch
