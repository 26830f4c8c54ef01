"""The simulated plant's batch system over a real broker: the bank finds the plant's own batches, phases and genealogy."""

from dataclasses import replace
from pathlib import Path

from detectors.bank import Bank
from domain.entries import BatchEvent, Heartbeat, Position
from domain.equipment import UnitModel
from domain.findings import Finding, PhaseRecord
from domain.genealogy import BatchLink
from domain.rules import Rulebook
from service.bench.reading import find, read_scenario
from simulators.campaign import Campaign, Situation
from simulators.servers.mqtt_events import EVENT_TOPIC, BatchTeller
from tests.acceptance.mqtt.broker import needs_mosquitto, publishing, running
from tests.acceptance.mqtt.collecting import collecting

UNITS = ("R101", "R102", "T101")
HOURS = 3600
ORIGIN_NS = 1_772_409_600 * 10**9


class Truth:
    """The phases that the units really were in: unit, phase, start, end."""

    def __init__(self) -> None:
        self.now: dict[str, Situation] = {}
        self.phases: list[tuple[str, str, int, int]] = []

    def observe(self, campaign: Campaign) -> None:
        for unit in UNITS:
            now = campaign.situation(unit)
            before = self.now.get(unit)
            if before is not None and before.phase not in ("idle", now.phase):
                self.phases.append((unit, before.phase, before.since_s, now.since_s))
            self.now[unit] = now


@needs_mosquitto
async def test_parallel_reactors_feed_one_tank_and_every_phase_is_the_plants_own(tmp_path: Path):
    scenario = replace(read_scenario(find("parallel-reactors-one-tank")), step_s=5)
    campaign = Campaign(scenario)
    teller, truth = BatchTeller(scenario.layout, ORIGIN_NS), Truth()
    campaign.observers += [teller, truth]
    for _ in campaign.advance(10 * HOURS):
        pass
    sent = [message.payload for message in teller.messages]
    with running(tmp_path / "broker") as broker, publishing(broker.port) as plant:
        async with collecting(broker.port, event_topics=(EVENT_TOPIC,)) as collected:
            await collected.until_subscribed()
            plant.send(EVENT_TOPIC, *sent, *sent[:5])
            await collected.until(lambda: len(collected.entries(BatchEvent)) == len(sent) + 5)
    bank = Bank(Rulebook(units={name: UnitModel(name, {}) for name in UNITS}), ())
    said = [
        each
        for number, event in enumerate(collected.entries(BatchEvent), start=1)
        for each in bank.update(Position(number), event)
    ]
    said += bank.update(Position(10_000), Heartbeat("floor", ORIGIN_NS, connected=True))

    assert collected.counts_add_up
    found = [
        (each.unit, each.phase, (each.start_ns - ORIGIN_NS) // 10**9, (each.end_ns - ORIGIN_NS) // 10**9)
        for each in said
        if isinstance(each, PhaseRecord) and each.end_ns is not None
    ]
    assert len(found) > 12
    assert sorted(found) == sorted(truth.phases)
    assert [(each.parent, each.child) for each in said if isinstance(each, BatchLink)] == [
        ("101-0017", "T101-L1"),
        ("102-0041", "T101-L2"),
    ]
    assert [each.message for each in said if isinstance(each, Finding)] == []
