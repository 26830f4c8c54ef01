"""What the equipment of a unit is told to be in."""

import numpy as np

from detectors.bank import Bank
from domain.entries import Position, TextBatch
from domain.findings import EquipmentState
from domain.rules import EquipmentTag, Rulebook
from domain.samples import SampleBatch
from domain.tags import Tag, TagId

BAD = 0x80000000
RULES = Rulebook(equipment={"R101": EquipmentTag("MODE", {"1": "running", "9": "maintenance"})})


def tag(kind: str = "number") -> Tag:
    return Tag(TagId(0), "u", 1, "MODE", "line", "n", "", "", kind)  # type: ignore[arg-type]  # one of its kinds


def batch(*rows: tuple[int, float, int]) -> SampleBatch:
    times, values, status = zip(*rows, strict=True)
    return SampleBatch(
        "line",
        rows[-1][0],
        np.zeros(len(rows), dtype=np.uint32),
        np.array(times, dtype=np.int64),
        None,
        np.array(values),
        np.array(status, dtype=np.uint32),
    )


def told(bank: Bank, at: int, entry: SampleBatch | TextBatch) -> list[tuple[str, str, int]]:
    found = bank.update(Position(at), entry)
    return [(each.unit, each.state, each.since_ns) for each in found if isinstance(each, EquipmentState)]


def test_a_state_is_told_when_it_changes_and_a_bad_row_says_that_nobody_knows() -> None:
    bank = Bank(RULES, [tag()])

    assert told(bank, 1, batch((10, 1, 0), (20, 1, 0), (30, 9, 0))) == [
        ("R101", "running", 10),
        ("R101", "maintenance", 30),
    ]
    assert told(bank, 2, batch((40, 9, 0), (50, 9, BAD), (60, 9, 0))) == [
        ("R101", "", 50),
        ("R101", "maintenance", 60),
    ]


def test_it_goes_on_from_its_snapshot_and_with_other_rules() -> None:
    bank = Bank(RULES, [tag()])
    told(bank, 1, batch((10, 9, 0)))
    again, other = Bank(RULES, [tag()]), Bank(RULES, [tag()])
    again.restore(bank.snapshot())
    other.carry_over(bank.snapshot())

    assert told(again, 2, batch((20, 9, 0))) == []
    assert told(other, 2, batch((20, 9, 0), (30, 1, 0))) == [("R101", "running", 30)]


def test_words_are_states_too() -> None:
    bank = Bank(Rulebook(equipment={"R101": EquipmentTag("MODE", {})}), [tag("text")])

    assert told(bank, 1, TextBatch("line", 9, (0,), (9,), None, ("repair",), (0,))) == [("R101", "repair", 9)]
