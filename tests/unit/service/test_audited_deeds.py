"""What the trail says of a deed on an alarm: its state before, its state since, and the batch."""

from domain.entries import ActionKind, PersonAction
from tests.unit.detectors.plant import TT, at, batch, rulebook
from tests.unit.service.test_approving import Plant


def test_an_acknowledgement_tells_the_state_before_and_since() -> None:
    plant = Plant()
    plant.start_batch("B-1", 0)
    plant.put(batch([(TT, 20, 66.0)]), batch([(TT, 200, 66.0)]))
    plant.run(rulebook())
    alarm = plant.records.alarms()[0]
    plant.put(PersonAction("a1", at(210), "Ada", ActionKind.ACKNOWLEDGE, alarm.alarm, "seen"))
    plant.run(rulebook())

    entry = next(each.entry for each in plant.records.list_audit(9) if each.entry.reference == "a1")
    assert (entry.old, entry.new, entry.batch) == (str(alarm.facts.state), "ACKED", alarm.batch)
