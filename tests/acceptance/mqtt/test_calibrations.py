"""A calibration that failed, told over a real broker, is a finding at once."""

import json
from pathlib import Path

from detectors.bank import Bank
from domain.entries import PersonAction, Position
from domain.equipment import UnitModel
from domain.findings import Finding
from domain.rules import Rulebook
from domain.tags import Tag, TagId
from domain.time import parse_time_ns
from tests.acceptance.mqtt.broker import needs_mosquitto, publishing, running
from tests.acceptance.mqtt.collecting import collecting

TOPIC = "plant/told"
TAG = Tag(TagId(7), "u7", 1, "R101.TT", "train", "nsu=x;s=TT", unit="degC")


def told(number: int, time: str, result: str, tag: str = "R101.TT") -> str:
    deed = {"event": "calibration", "tag": tag, "result": result, "person": "Ada", "comment": "off by 0.9 degC"}
    return json.dumps({"id": f"cal-{number}", "time": time, **deed})


GOOD, FAILED = "2026-03-01T08:00:00Z", "2026-03-04T08:00:00Z"
SENT = (told(1, GOOD, "good"), *[told(2, FAILED, "failed")] * 2, told(3, FAILED, "failed", tag="R999.TT"))


@needs_mosquitto
async def test_a_failed_calibration_is_found_once_and_one_of_no_tag_is_quarantined(tmp_path: Path):
    with running(tmp_path / "broker") as broker, publishing(broker.port) as plant:
        async with collecting(broker.port, event_topics=(TOPIC,), tag_names=frozenset({TAG.name})) as collected:
            await collected.until_subscribed()
            plant.send(TOPIC, *SENT)
            await collected.until(lambda: collected.quarantined() and len(collected.entries(PersonAction)) == 3)
    bank = Bank(Rulebook(units={"R101": UnitModel("R101", {"TT": TAG.name})}), (TAG,))
    said = [
        each
        for number, deed in enumerate(collected.entries(PersonAction), start=1)
        for each in bank.update(Position(number), deed)
        if isinstance(each, Finding)
    ]

    (found,) = said
    assert (found.rule, found.subject) == ("calibration.failed", TAG.name)
    assert found.evidence["failed_ns"] == parse_time_ns(FAILED)
    assert found.evidence["calibrated_ns"] == parse_time_ns(GOOD)
    assert "no tag of the configuration" in collected.quarantined()[0].reason
    assert collected.counts_add_up
