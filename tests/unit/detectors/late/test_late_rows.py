"""Rows that come late: the excursions as if they had come in time, in new versions."""

from dataclasses import replace

import numpy as np

from detectors.bank import Bank
from domain.entries import Entry, Gap, GapCause, Position, Rejudge
from domain.findings import Finding, Stage
from tests.unit.detectors.plant import BAD, LT, PT, SECOND, STEP, TAGS, TT, Plant, at, batch, of_rule
from tests.unit.detectors.record import rows_as_of

LEVEL = "fixed.high"  # of T7.LT: 9


class Late(Plant):
    """A plant whose rechecks are answered with what it was fed."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.entries: list[Entry] = []

    def feed(self, *entries: Entry):
        self.entries += entries
        return super().feed(*entries)

    def rejudged(self, seconds: float) -> list[Finding]:
        """Let a heartbeat ask, and answer all of it; return the new versions."""
        self.beat(seconds)
        assert isinstance(self.detector, Bank)
        found: list[Finding] = []
        for asked in self.detector.rechecks_asked():
            entry = Rejudge(asked.tag, asked.start_ns, asked.end_ns)
            self.entries.append(entry)
            self.position += 1
            position = Position(self.position)
            told = self.detector.rejudge(position, entry, rows_as_of(self.entries, position))
            found += [each for each in told if isinstance(each, Finding)]
        self.said += found
        return found

    def newest(self, rule: str) -> list[Finding]:
        """The newest version of each finding of a rule."""
        return list({each.id: each for each in of_rule(self.said, rule)}.values())


def level(*rows: tuple[float, float]) -> "Late":
    plant = Late()
    plant.samples(*((LT, seconds, value) for seconds, value in rows))
    return plant


def test_a_late_row_moves_the_onset_of_an_excursion_that_is_over():
    plant = level((0, 8.0), (60, 10.0), (120, 8.0), (180, 8.0))
    plant.samples((LT, 30, 10.0))

    (found,) = plant.rejudged(200)

    assert found.onset_ns == at(15)
    assert (found.version, found.stage, found.end_ns) == (3, Stage.CLEARED, at(90))
    assert found.evidence["area"] == 0.5 * 0.25 * 1 + 0.5 * 1 + 0.5 * 0.5 * 1
    assert found.evidence["dur_min_ns"] == found.evidence["dur_max_ns"] == 75 * SECOND
    assert "judged again" in found.message


def test_its_identity_stays():
    plant = level((0, 8.0), (60, 10.0), (120, 8.0))
    before = plant.newest(LEVEL)[0]
    plant.samples((LT, 30, 10.0))

    (found,) = plant.rejudged(200)

    assert (found.id, found.detected) == (before.id, before.detected)


def test_a_late_row_that_changes_nothing_says_nothing():
    plant = level((0, 8.0), (60, 10.0), (120, 8.0), (180, 8.0))
    plant.samples((LT, 150, 8.5), (LT, 30, 9.0))

    assert plant.rejudged(200) == []


def test_an_excursion_that_nobody_saw_is_recorded_as_over():
    plant = level((0, 8.0), (60, 8.0), (120, 8.0))
    plant.samples((LT, 30, 10.0))

    (found,) = plant.rejudged(200)

    assert (found.version, found.stage, found.onset_ns, found.end_ns) == (1, Stage.CLEARED, at(15), at(45))
    assert found.detected.entry == 4
    assert "late" in found.message


def test_an_excursion_of_a_value_that_was_corrected_is_withdrawn():
    plant = level((0, 8.0), (60, 10.0), (120, 8.0))
    plant.samples((LT, 60, 8.0))

    (found,) = plant.rejudged(200)

    assert (found.version, found.stage) == (3, Stage.CLEARED)
    assert found.evidence["withdrawn"] == "late rows"
    assert found.evidence["dur_max_ns"] == 0


def test_a_withdrawn_one_that_comes_back_goes_on_counting_its_versions():
    plant = level((0, 8.0), (60, 10.0), (120, 8.0))
    plant.samples((LT, 60, 8.0))
    plant.rejudged(200)
    plant.samples((LT, 60, 10.0))  # the same key again: the record has it from the first time
    plant.samples((LT, 60, 10.5))

    found = plant.rejudged(300)

    assert [(each.version, each.evidence["peak"]) for each in plant.newest(LEVEL) if each.evidence["peak"] == 10.5]
    assert len(found) == 1


def test_an_open_excursion_goes_on_from_its_corrected_onset():
    plant = level((0, 8.0), (60, 10.0), (120, 11.0))
    plant.samples((LT, 30, 10.0))
    (rejudged,) = plant.rejudged(130)

    (ended,) = of_rule(plant.samples((LT, 180, 8.0)), LEVEL)

    assert (rejudged.stage, rejudged.onset_ns) == (Stage.OPEN, at(15))
    assert (ended.id, ended.version, ended.onset_ns) == (rejudged.id, rejudged.version + 1, at(15))
    assert ended.end_ns == at(160)
    assert ended.evidence["peak"] == 11.0


def test_an_open_excursion_that_was_none_is_withdrawn_and_the_next_is_another():
    plant = level((0, 8.0), (60, 10.0))
    plant.samples((LT, 120, 8.0), (LT, 180, 10.0))
    plant.samples((LT, 180, 8.5))  # corrected at once: judged live, and then again
    plant.samples((LT, 240, 8.0), (LT, 60, 8.0))
    found = plant.rejudged(250)

    assert {each.evidence.get("withdrawn") for each in found} == {"late rows"}
    assert of_rule(plant.samples((LT, 300, 10.0)), LEVEL)[0].version == 1


def test_two_excursions_become_one_and_the_second_is_withdrawn():
    plant = level((0, 8.0), (60, 10.0), (120, 8.0), (180, 10.0), (240, 8.0))
    plant.samples((LT, 120, 10.0))

    found = plant.rejudged(300)

    joined, gone = sorted(found, key=lambda each: each.onset_ns)
    assert (joined.onset_ns, joined.end_ns) == (at(30), at(210))
    assert gone.evidence["withdrawn"] == "late rows"


def test_one_excursion_becomes_two():
    plant = level((0, 8.0), (60, 10.0), (180, 10.0), (240, 8.0))
    plant.samples((LT, 120, 8.0))

    first, second = plant.rejudged(300)

    assert (first.version, first.onset_ns, first.end_ns) == (4, at(30), at(90))
    assert (second.version, second.onset_ns, second.end_ns) == (1, at(150), at(210))


def test_a_phase_that_is_over_is_judged_by_its_own_ranges():
    plant = Late().in_phase(20)
    plant.series(TT, 10, 10, [60.0] * 5)
    plant.feed(batch([(STEP, 60, 90)]), batch([(PT, 70, 0.1)]))
    plant.series(TT, 70, 10, [60.0] * 5)
    plant.samples((TT, 45, 70.0), (TT, 65, 70.0))  # the second lies in a phase without ranges

    found = plant.rejudged(200)

    assert {(each.rule, each.phase) for each in found} == {
        ("excursion.nor.high", "dose"),
        ("excursion.validated.high", "dose"),
    }
    assert all(at(40) < each.onset_ns < at(45) < each.end_ns < at(50) for each in found)


def test_an_excursion_at_a_phases_end_ends_with_the_phase_again():
    plant = Late().in_phase(20)
    plant.series(TT, 10, 10, [60.0, 60.0, 60.0, 60.0, 70.0])
    plant.feed(batch([(STEP, 60, 90)]), batch([(PT, 70, 0.1)]))
    plant.samples((TT, 45, 70.0))

    found = plant.rejudged(200)

    assert {each.end_ns for each in found} == {at(60)}
    assert {each.version for each in found} == {3}


def test_a_gap_that_late_rows_fill_in_part_leaves_what_is_hidden():
    plant = level((0, 10.0), (600, 8.0))
    plant.feed(Gap("g", "train1", LT, at(100), at(500), GapCause.DISCONNECT))
    plant.samples((LT, 50, 10.0), (LT, 550, 10.0))

    (found,) = plant.rejudged(700)

    assert (found.evidence["dur_min_ns"], found.evidence["dur_max_ns"]) == (175 * SECOND, 575 * SECOND)


def test_a_late_bad_row_proves_nothing_from_its_time_on():
    plant = level((0, 10.0), (60, 10.0), (120, 8.0))
    plant.feed(batch([(LT, 30, 10.0, BAD)]))

    (found,) = plant.rejudged(200)

    assert found.evidence["dur_max_ns"] == 90 * SECOND
    assert found.evidence["dur_min_ns"] == 60 * SECOND


def test_a_restart_between_the_question_and_the_answer_changes_nothing():
    plant = level((0, 8.0), (60, 10.0), (120, 8.0), (180, 10.0))
    plant.samples((LT, 30, 10.0), (LT, 150, 9.5))
    plant.beat(200)
    again = Late(plant.rules, plant.restarted().detector)
    again.entries, again.position = list(plant.entries), plant.position

    assert again.rejudged(210) == plant.rejudged(210) != []
    assert again.samples((LT, 240, 8.0)) == plant.samples((LT, 240, 8.0))


def test_an_answer_that_nobody_asked_for_says_nothing():
    plant = level((0, 8.0), (60, 10.0), (120, 8.0))
    plant.samples((LT, 30, 10.0))
    plant.rejudged(200)
    assert isinstance(plant.detector, Bank)

    position = Position(plant.position + 1)
    entry = Rejudge(LT, at(30), at(120))

    assert plant.detector.rejudge(position, entry, rows_as_of(plant.entries, position)) == ()


def test_what_other_rules_judged_is_left_as_it_is():
    plant = level((0, 8.0), (60, 10.0), (120, 8.0), (180, 8.0))
    changed = Bank(plant.rules, TAGS)
    changed.carry_over(plant.detector.snapshot())
    other = Late(plant.rules, changed)
    other.entries, other.position = list(plant.entries), plant.position
    other.samples((LT, 240, 8.0), (LT, 30, 10.0), (LT, 210, 10.0))

    (found,) = other.rejudged(300)

    assert (found.onset_ns, found.end_ns) == (at(195), at(225))


def test_two_parameters_outside_at_once_are_told_when_one_was_outside_in_time_only():
    plant = Late().in_phase(20)
    plant.series(TT, 10, 10, [60.0, 63.0])
    plant.samples((PT, 20, 0.1))
    plant.samples((PT, 20, 0.7))

    assert of_rule(plant.said, "outside_nor")


def test_a_backfill_of_a_day_reads_no_more_than_its_day():
    plant = level(*((hour * 3600.0, 8.0) for hour in range(48)))
    plant.feed(batch([(LT, 3600.0 * 10 + minute * 60.0, 8.0) for minute in range(1, 59)]))
    asked: list[tuple[int, int]] = []
    assert isinstance(plant.detector, Bank)
    plant.beat(48 * 3600)
    (recheck,) = plant.detector.rechecks_asked()
    read = rows_as_of(plant.entries, Position(plant.position))

    def counted(tag: int, start_ns: int, end_ns: int):
        asked.append((start_ns, end_ns))
        return read(tag, start_ns, end_ns)

    plant.detector.rejudge(Position(plant.position), Rejudge(recheck.tag, recheck.start_ns, recheck.end_ns), counted)

    assert min(start_ns for start_ns, _ in asked) >= at(10 * 3600)
    assert max(end_ns for _, end_ns in asked) <= at(13 * 3600)


def test_a_bad_row_that_repeats_an_old_value_counts_from_when_it_was_told():
    plant = level((0, 8.0), (60, 10.0))
    told = batch([(LT, 60, 10.0, BAD)])
    plant.feed(replace(told, server_ns=np.array([at(90)])), batch([(LT, 120, 10.0)]), batch([(LT, 180, 8.0)]))
    plant.samples((LT, 30, 10.0))

    (found,) = plant.rejudged(200)

    assert found.evidence["dur_max_ns"] - found.evidence["dur_min_ns"] == 30 * SECOND


def test_a_late_row_that_is_the_newest_proven_one_is_where_the_next_crossing_begins():
    plant = level((0, 8.0))
    plant.feed(batch([(LT, 60, 8.0, BAD)]))
    plant.samples((LT, 30, 8.5))
    assert plant.rejudged(70) == []

    ended = of_rule(plant.samples((LT, 120, 10.0), (LT, 180, 8.0)), LEVEL)[-1]

    assert ended.evidence["dur_max_ns"] == 90 * SECOND
