import itertools
from dataclasses import replace

import numpy as np
import pytest

from detectors.bank import Bank
from domain.entries import ActionKind, PersonAction, TagDefined
from domain.findings import Stage
from domain.models import ModelDecision, ModelKind
from tests.checks.detector import CHECKS, maker
from tests.unit.detectors.plant import (
    BAD,
    BATCH,
    PT,
    SECOND,
    STEP,
    T0,
    TAGS,
    TT,
    Plant,
    batch,
    findings,
    of_rule,
    rulebook,
    stages,
    texts,
)
from tests.unit.detectors.small_models import dose, model
from tests.unit.detectors.streams import stream

FIT = model()
TUBE = model(ModelKind.BATCH, "course")
BEFORE = model(ModelKind.BATCH, "before", least_references=2)
QUIET = {"recipes": {}, "holds": {}, "tags": {}}


def watched(*models, **more):
    rules = rulebook(**QUIET, models={each.name: each for each in models})
    return Plant(rules, Bank(rules, TAGS, **more)), rules


def approval(hash_, person="Ruth", reason="CR-7", at=0):
    return PersonAction(f"a-{person}-{hash_[:6]}", T0 + at * SECOND, person, ActionKind.APPROVE_MODEL, hash_, reason)


def rows(values, seconds=0.0, first=0):
    """Values as batches of one cell's two tags each, two seconds apart."""
    return [
        batch([(TT, seconds + 2 * cell + 0.5, row[0]), (PT, seconds + 2 * cell + 1.0, row[1])])
        for cell, row in enumerate(values, start=first)
    ]


def run_of(plant, values, name="B-17", seconds=0.0):
    """A whole dose with its end; the findings."""
    said = plant.feed(texts([(BATCH, seconds, name)]), batch([(STEP, seconds, 20)]))
    said = [*said, *plant.feed(*rows(values, seconds))]
    end = seconds + 2 * len(values)
    return [*said, *plant.feed(batch([(STEP, end, 0)]), batch([(PT, end + 30, 0.2)]))]


def broken(seed=9, cells=200, at=100):
    values = dose(seed, cells)
    values[at:, 1] += 0.05
    return values


def test_quiet_runs_say_nothing():
    plant, _ = watched(FIT, TUBE)

    said = [run_of(plant, dose(20 + number, 60), f"B-{number}", 200.0 * number) for number in range(4)]

    assert [each.message for each in findings(itertools.chain(*said))] == []


def test_a_pressure_that_no_longer_follows_is_named_and_is_over_with_the_phase():
    plant, _ = watched(FIT)

    said = of_rule(run_of(plant, broken()), "model.spe")

    first, last = said[0], said[-1]
    assert (first.stage, last.stage) == (Stage.OPEN, Stage.CLEARED)
    assert first.subject == first.unit == "R101"
    assert first.evidence["top1"] == "R101.PT"
    assert 0 < first.evidence["top1_off"] < 0.1
    assert "R101.PT" in first.message
    assert first.message.endswith("than the others imply, in phase dose of batch B-17.")
    assert T0 + 200 * SECOND < first.onset_ns <= T0 + 206 * SECOND
    assert first.ranges_version.startswith(f"model dose {FIT.hash[:12]} (advisory)")


def test_a_model_that_nobody_approved_says_so_wherever_it_speaks():
    plant, _ = watched(FIT)

    said = of_rule(run_of(plant, broken()), "model.spe")

    assert said
    for each in said:
        assert each.message.startswith("Advisory, not approved: ")
        assert each.evidence["advisory"] == "yes"
        assert "advisory" in each.ranges_version


def test_an_approved_model_judges_in_the_approvers_name():
    plant, _ = watched(FIT)

    (decision,) = plant.feed(approval(FIT.hash))
    said = of_rule(run_of(plant, broken()), "model.spe")

    assert isinstance(decision, ModelDecision)
    assert decision.error == ""
    assert said[0].message.startswith("The tags of R101 do not move together")
    assert said[0].evidence["advisory"] is None
    assert said[0].ranges_version == f"model dose {FIT.hash[:12]} (approved by Ruth)"


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (approval(FIT.hash, person="Ada"), "a second person approves"),
        (approval(FIT.hash, person=" ADA  "), "a second person approves"),
        (approval(FIT.hash, person=" "), "nobody stands behind it"),
        (approval(FIT.hash, reason=" "), "no reason"),
        (approval("f" * 64), "no model with the hash ffffffffffff is installed"),
    ],
)
def test_an_approval_that_counts_for_nothing_says_why(action, why):
    plant, _ = watched(FIT)

    (decision,) = plant.feed(action)

    assert why in decision.error
    assert "advisory" in of_rule(run_of(plant, broken()), "model.spe")[0].ranges_version


def test_a_changed_file_advises_beside_the_one_that_was_approved():
    other = model(on=3)
    plant, _ = watched(other, library={FIT.hash: FIT, other.hash: other}.get)
    plant.feed(approval(FIT.hash))

    said = of_rule(run_of(plant, broken()), "model.spe")

    assert {each.evidence["model_hash"]: each.evidence["advisory"] for each in said} == {
        FIT.hash: None,
        other.hash: "yes",
    }
    assert len({each.id for each in said}) == 2


def test_what_was_open_is_cleared_when_another_version_is_approved():
    other = model(on=3)
    plant, _ = watched(FIT, library={other.hash: other}.get)
    plant.feed(approval(FIT.hash), texts([(BATCH, 0, "B-1")]), batch([(STEP, 0, 20)]), *rows(broken(9, 140)))

    decision, cleared = plant.feed(approval(other.hash, at=300))

    assert decision.error == ""
    assert cleared.stage is Stage.CLEARED
    assert "Another version" in cleared.message


def test_an_approved_model_that_is_gone_is_told_once():
    plant, _ = watched(FIT)
    plant.feed(approval(FIT.hash))
    without = rulebook(**QUIET)
    bank = Bank(without, TAGS)
    bank.carry_over(plant.detector.snapshot())
    other = Plant(without, bank)
    other.position = plant.position

    said = of_rule([*other.beat(10), *other.beat(20)], "model.missing")

    assert [each.stage for each in said] == [Stage.OPEN]
    assert "Ruth approved is not installed here: it judges nothing" in said[0].message


KNOWING = model(measures=(TAGS[TT].measure, TAGS[PT].measure))


def test_a_tag_that_is_counted_in_something_else_is_not_judged_and_it_is_told_until_it_is_right_again():
    plant, _ = watched(KNOWING)
    plant.feed(approval(KNOWING.hash))
    plant.beat(1)
    wrong = TagDefined(replace(TAGS[PT], unit="mbar"), 1)

    assert of_rule(plant.beat(2), "model.missing") == []
    plant.feed(wrong)
    told = of_rule(plant.beat(3), "model.missing")
    assert of_rule(plant.beat(4), "model.missing") == []
    assert of_rule(run_of(plant, broken(), seconds=10), "model.spe") == []
    plant.feed(TagDefined(TAGS[PT], 2))
    over = of_rule(plant.beat(500), "model.missing")

    assert [each.stage for each in (*told, *over)] == [Stage.OPEN, Stage.CLEARED]
    assert "Ruth approved judges nothing on R101: it knows R101.PT in bar, the tag is in mbar" in told[0].message
    assert of_rule(run_of(plant, broken(), "B-18", 600), "model.spe")


def test_the_run_in_which_a_tag_changes_its_measure_is_judged_without_it():
    plant, _ = watched(KNOWING)
    values = broken(9, 200, 100)
    plant.feed(texts([(BATCH, 0, "B-1")]), batch([(STEP, 0, 20)]), *rows(values[:90]))
    plant.feed(TagDefined(replace(TAGS[PT], unit="mbar"), 1))

    assert findings(plant.feed(*rows(values[90:] * [1, 1000], 180))) == []


def test_a_model_of_tags_and_units_that_are_not_there_is_told_to_judge_nothing():
    other = model(parameters=("TT", "XX"))
    gone = model(name="gone", units=("R999",))
    plant, _ = watched(other, gone)
    plant.feed(approval(other.hash), approval(gone.hash))

    said = [each.message for each in of_rule(plant.beat(1), "model.missing")]

    assert "judges nothing on R101, which has no XX." in said[0]
    assert "judges nothing on R999, which is not configured." in said[1]


def test_a_model_that_is_missing_is_over_when_another_of_its_name_is_approved():
    plant, _ = watched(FIT, library={}.get)
    other = model(on=3)
    plant.feed(approval(FIT.hash))
    rules = rulebook(**QUIET, models={"dose": other}, hash="another")
    bank = Bank(rules, TAGS)
    bank.carry_over(plant.detector.snapshot())
    later = Plant(rules, bank)
    later.position = plant.position

    assert [each.stage for each in of_rule(later.beat(10), "model.missing")] == [Stage.OPEN]
    later.feed(approval(other.hash, at=11))
    assert [each.stage for each in of_rule(later.beat(20), "model.missing")] == [Stage.CLEARED]


def test_a_silent_input_is_left_out_and_with_too_few_nothing_is_judged():
    values = broken()
    only = [batch([(TT, 2 * cell + 0.5, row[0])]) for cell, row in enumerate(values)]
    plant, _ = watched(model(most_missing=0.4))
    lenient, _ = watched(model(most_missing=0.5))
    for each in (plant, lenient):
        each.feed(texts([(BATCH, 0, "B-1")]), batch([(STEP, 0, 20)]))

    assert findings(plant.feed(*only)) == findings(lenient.feed(*only)) == []


def test_a_bad_value_is_not_known_at_once():
    values = dose(9, 60)
    plant, _ = watched(FIT)
    plant.feed(texts([(BATCH, 0, "B-1")]), batch([(STEP, 0, 20)]), *rows(values))

    said = plant.feed(*[batch([(TT, 120.5 + 2 * n, 60.0), (PT, 121 + 2 * n, 55.0, BAD)]) for n in range(40)])

    assert [each for each in findings(said) if each.rule != "bad"] == []


def test_a_gap_without_any_value_is_not_judged_and_costs_nothing():
    plant, _ = watched(FIT)
    plant.feed(texts([(BATCH, 0, "B-1")]), batch([(STEP, 0, 20)]), *rows(dose(9, 60)))

    said = plant.feed(*rows(dose(10, 60), 3_000_000.0))

    assert findings(said) == []


def test_a_batch_off_its_course_is_followed_and_named():
    values = dose(25, 60)
    values[30:42, 0] += 6.0
    plant, _ = watched(TUBE)

    said = of_rule(run_of(plant, values), "batch.tube")

    assert said[0].evidence["top1"] == "R101.TT"
    assert "higher than the batches before" in said[0].message
    assert T0 + 60 * SECOND < said[0].onset_ns <= T0 + 64 * SECOND
    assert said[-1].message.endswith("is back on the course of the batches before, in phase dose of batch B-17.")


def test_a_phase_unlike_those_before_it_is_told_at_its_end_with_the_batches_it_was_compared_with():
    plant, _ = watched(BEFORE)
    for number in range(3):
        run_of(plant, dose(50 + number, 60), f"B-{number}", 200.0 * number)
    odd = dose(60, 60)
    odd[:, 0] += np.tile([8.0, -8.0], 30)

    (said,) = of_rule(run_of(plant, odd, "B-9", 600.0), "batch.feature")

    assert said.stage is Stage.CLEARED
    assert "R101.TT more restless" in said.message
    assert said.evidence["references"] == "B-0, B-1, B-2"
    assert said.evidence["reference_batches"] == 3


def test_there_is_no_verdict_below_the_least_references_and_an_odd_batch_is_none():
    plant, _ = watched(BEFORE)
    odd = dose(60, 60)
    odd[:, 0] += np.tile([8.0, -8.0], 30)

    said = [of_rule(run_of(plant, odd if number in (2, 3) else dose(50 + number, 60), f"B-{number}", 200.0 * number),
                    "batch.feature") for number in range(6)]  # fmt: skip

    assert [len(each) for each in said] == [0, 0, 1, 1, 0, 0]
    assert said[3][0].evidence["references"] == "B-0, B-1"


def test_another_rulebook_keeps_the_approvals_and_the_batches_before():
    plant, _ = watched(BEFORE)
    plant.feed(approval(BEFORE.hash))
    for number in range(2):
        run_of(plant, dose(50 + number, 60), f"B-{number}", 200.0 * number)
    rules = rulebook(**QUIET, models={"before": BEFORE, "dose": FIT}, hash="another")
    bank = Bank(rules, TAGS)
    bank.carry_over(plant.detector.snapshot())
    other = Plant(rules, bank)
    other.position = plant.position
    odd = dose(60, 60)
    odd[:, 0] += np.tile([8.0, -8.0], 30)

    (said,) = of_rule(run_of(other, odd, "B-9", 600.0), "batch.feature")

    assert said.evidence["references"] == "B-0, B-1"
    assert said.evidence["advisory"] is None


def _entries():
    """Two doses with faults, an approval between them, rows of both tags, silence and Bad."""
    first = [texts([(BATCH, 0, "B-1")]), batch([(STEP, 0, 20)]), *rows(broken(9, 60, 30)), batch([(STEP, 120, 0)])]
    quiet = dose(11, 60)
    quiet[40:48, 0] += 6
    second = [
        texts([(BATCH, 200, "B-2")]),
        batch([(STEP, 200, 20)]),
        *rows(quiet[:20], 200),
        batch([(TT, 260.0, 60.0, BAD)]),
        *rows(quiet[35:], 270),
        batch([(STEP, 330, 0)]),
        batch([(PT, 360, 0.2)]),
    ]
    return [*first, approval(FIT.hash, at=150), *second, TagDefined(TAGS[TT], 1), approval(KNOWING.hash)]


@pytest.mark.parametrize("size", [1, 2, 7, 500])
def test_how_rows_were_cut_does_not_show(size):
    values = broken(9, 120, 60)
    flat = [(tag, at, value) for cell, row in enumerate(values)
            for tag, at, value in ((TT, 2 * cell + 0.5, row[0]), (PT, 2 * cell + 1.0, row[1]))]  # fmt: skip
    begin = (texts([(BATCH, 0, "B-1")]), batch([(STEP, 0, 20)]))
    told = []
    for cut in (3, size):
        plant, _ = watched(FIT, TUBE)
        plant.feed(*begin)
        said = plant.feed(*(batch(flat[at : at + cut]) for at in range(0, len(flat), cut)))
        told.append(
            [(each.rule, each.version, each.stage, each.onset_ns, each.at_ns, each.message) for each in findings(said)]
        )

    assert told[0] == told[1]
    assert len(told[0]) > 1


def test_a_snapshot_at_every_cut_goes_on_as_if_nothing_had_been():
    entries = _entries()
    rules = rulebook(**QUIET, models={each.name: each for each in (FIT, TUBE, BEFORE)})
    straight = Bank(rules, TAGS)
    said = [list(straight.update(number, entry)) for number, entry in enumerate(entries, 1)]
    assert {"model.spe", "batch.tube"} <= {each.rule for each in findings(itertools.chain(*said))}
    for cut in range(0, len(entries), 10):
        before = Bank(rules, TAGS)
        for number, entry in enumerate(entries[:cut], 1):
            before.update(number, entry)
        after = Bank(rules, TAGS)
        after.restore(before.snapshot())

        rest = [list(after.update(number, entry)) for number, entry in enumerate(entries[cut:], cut + 1)]

        assert rest == said[cut:]
        assert after.snapshot() == straight.snapshot()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_restless_streams_pass_every_check_of_detectors(check, seed):
    watchers = (FIT, TUBE, BEFORE, model(ModelKind.BATCH, "warped", warped=True))
    check(maker(Bank, rulebook(models={each.name: each for each in watchers}), TAGS), stream(seed), seed)


def test_an_open_finding_is_told_again_less_and_less_often():
    plant, _ = watched(FIT)

    said = of_rule(run_of(plant, broken(9, 300, 20)), "model.spe")

    assert [each.version for each in said] == list(range(1, len(said) + 1))
    assert 3 <= len(said) <= 9
    assert stages(said, "model.spe")[-1] is Stage.CLEARED
