import pytest

from domain.findings import RULES
from domain.time import MINUTE_NS
from service.bench.matching import MEANINGS, NOBODYS
from service.bench.score_file import as_json
from service.bench.scoring import accept, checks, score
from simulators.scenario import Acceptance
from simulators.truth.labels import Label, LabelKind
from tests.unit.bench.told import fault, hold, outside, renamed, told, truth


def meant(label: Label, rule: str, subject: str, at: float, **more: float) -> bool:
    """Tell whether one finding means one label."""
    scored = score(truth(label), [told(rule, subject, at, **more)])
    return not scored.false_alarms


COOLING = fault("cooling_lost", "R101", onset=10, end=60, visible=15)


def test_a_finding_within_a_fault_finds_it_and_the_delays_are_told() -> None:
    scored = score(truth(COOLING), [told("excursion.validated.high", "R101.TT", 21)])

    assert (scored.found["fault"].hits, scored.found["fault"].trials) == (1, 1)
    assert scored.from_onset["fault"].median_s == 11 * 60
    assert scored.from_visible["fault"].median_s == 6 * 60
    assert scored.misses == ()
    assert scored.false_alarms == ()


def test_the_first_finding_counts_whatever_the_order_in_the_file() -> None:
    scored = score(truth(COOLING), [told("drift.cusum", "R101.TT", 40), told("drift.cusum", "R101.TT", 20)])

    assert scored.from_onset["fault"].most_s == 10 * 60


@pytest.mark.parametrize(
    ("at", "matches"),
    [(9.9, False), (10, True), (60, True), (90, True), (90.1, False)],
)
def test_a_finding_counts_from_the_onset_until_a_grace_after_the_end(at: float, matches: bool) -> None:
    assert meant(COOLING, "excursion.nor.high", "R101.TT", at) is matches


def test_a_fault_that_leaves_traces_is_meant_as_long_as_they_can_be_seen() -> None:
    charged = Label(
        LabelKind.FAULT,
        "too little",
        "wrong_charge",
        "R101",
        "R101",
        onset_ns=0,
        end_ns=20 * MINUTE_NS,
        visible_ns=5 * MINUTE_NS,
        effect_end_ns=300 * MINUTE_NS,
    )

    assert meant(charged, "drift.ewma", "R101.TT", 320)
    assert not meant(charged, "drift.ewma", "R101.TT", 331)


@pytest.mark.parametrize(
    ("subject", "concerned"),
    [("R101.TT", True), ("R101", True), ("T101.LT", True), ("C101.TT", False), ("R102.TT", False)],
)
def test_a_process_fault_concerns_its_unit_and_what_it_feeds(subject: str, concerned: bool) -> None:
    assert meant(COOLING, "excursion.validated.high", subject, 20) is concerned


@pytest.mark.parametrize(
    ("subject", "concerned"), [("R101.AT", True), ("R101", True), ("R101.TT", False), ("R102.TT", False)]
)
def test_an_instrument_fault_concerns_its_tag_or_the_unit_as_a_whole(subject: str, concerned: bool) -> None:
    assert meant(fault("drift", "R101.AT", 10, 60, 15), "drift.cusum", subject, 20) is concerned


@pytest.mark.parametrize(
    ("rule", "since", "matches"),
    [
        ("excursion.nor.high", 8.9, False),  # it was so before the cooling was lost
        ("excursion.nor.high", 9, True),  # a crossing lies between two readings
        ("phase.expectation", 8.9, False),
        ("drift.cusum", 1, True),  # estimated
        ("noise.high", 1, True),
        ("our-model", 1, True),  # nobody knows what it means by its onset
    ],
)
def test_what_had_begun_before_a_fault_is_not_its_detection(rule: str, since: float, matches: bool) -> None:
    assert meant(COOLING, rule, "R101.TT", 12, since=since) is matches


def test_what_was_over_before_a_fault_is_not_its_detection() -> None:
    assert not meant(COOLING, "drift.cusum", "R101.TT", 12, since=1, end=9.9)
    assert meant(COOLING, "drift.cusum", "R101.TT", 12, since=1, end=10)


@pytest.mark.parametrize("rule", ["noise.lost", "frozen", "jump"])
def test_the_health_of_a_broken_instrument_says_nothing_of_the_process_behind_it(rule: str) -> None:
    stuck = fault("stuck", "R101.TT", onset=5, end=70, visible=20)
    scored = score(truth(stuck, COOLING), [told(rule, "R101.TT", 12)])
    found = {each.label.what: each.finding is not None for each in scored.results}

    assert found == {"stuck": True, "cooling_lost": False}
    assert meant(COOLING, rule, "R101.TT", 12)  # an instrument in order shows what the process does
    scored = score(truth(stuck, COOLING), [told(rule, "R101.AT", 12)])
    assert {each.label.what: each.finding is not None for each in scored.results}["cooling_lost"]


def test_every_rule_of_ours_has_its_meaning_in_the_table() -> None:
    ours = {rule.partition(".")[0] for rule in RULES}
    known = {rule.partition(".")[0] for rules in MEANINGS.values() for rule in rules}

    assert ours - known == NOBODYS


@pytest.mark.parametrize(
    ("rule", "matches"),
    [("model.t2", True), ("batch.tube", True), ("model.spe", True), ("source.disconnected", False)],
)
def test_models_mean_faults_of_the_process(rule: str, matches: bool) -> None:
    assert meant(COOLING, rule, "R101", 20) is matches
    assert not meant(fault("cut", "opcua", 10, 60, 11), "batch.tube", "R101", 20)


@pytest.mark.parametrize(
    ("rule", "subject", "matches"),
    [
        ("source.disconnected", "opcua", True),
        ("source.disconnected", "mqtt", False),
        ("source.disconnected", "the train's server", True),  # a name that the truth does not know
        ("stale", "R101.TT", True),
        ("stale", "T101.LT", False),
        ("hold.indeterminate", "R101", True),
        ("excursion.validated.high", "R101.TT", False),
        ("hold.breach", "R101", False),
    ],
)
def test_a_cut_means_silence_of_what_the_server_serves(rule: str, subject: str, matches: bool) -> None:
    assert meant(fault("cut", "opcua", 10, 60, 11), rule, subject, 20) is matches


@pytest.mark.parametrize(
    ("kind", "rule", "matches"),
    [
        ("stuck", "frozen", True),
        ("dropout", "bad", True),
        ("bias", "hold.breach", False),
        ("bias", "source.disconnected", False),
        ("bias", "something of another system", True),
    ],
)
def test_a_rule_means_the_faults_of_its_class_and_an_unknown_rule_any(kind: str, rule: str, matches: bool) -> None:
    assert meant(fault(kind, "R101.TT", 10, 60, 15), rule, "R101.TT", 20) is matches


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ("excursion.validated.high", True),
        ("excursion.high", True),
        ("excursion.validated", True),
        ("fixed.high", True),
        ("excursion", True),
        ("excursion.validated.low", False),
        ("excursion.nor.high", False),
        ("excursion.low", False),
        ("drift.cusum", False),
        ("frozen", False),
    ],
)
def test_an_excursion_is_meant_by_its_own_kind_and_side_or_by_none(rule: str, matches: bool) -> None:
    assert meant(outside("validated.high", "R101.TT", 10, 60), rule, "R101.TT", 20) is matches


def test_an_excursion_on_another_tag_of_the_unit_is_another_one() -> None:
    label = outside("validated.high", "R101.TT", 10, 60)

    assert not meant(label, "excursion.validated.high", "R101.AT", 20)


def test_an_excursion_on_another_instrument_of_the_same_parameter_means_it() -> None:
    """The contents are too hot, whichever of two sensors says so; the other one may be stuck."""
    label = outside("validated.high", "R101.TT", 10, 60)

    assert meant(label, "excursion.validated.high", "R101.TT2", 20)
    assert not meant(label, "excursion.validated.low", "R101.TT2", 20)
    assert not meant(fault("stuck", "R101.TT", 10, 60, 15), "frozen", "R101.TT2", 20)


def test_two_parameters_outside_nor_mean_the_excursions_of_the_unit() -> None:
    assert meant(outside("nor.high", "R101.TT", 10, 60), "outside_nor", "R101", 20)


def test_noise_may_carry_a_reading_over_a_limit_before_the_truth() -> None:
    label = outside("validated.high", "R101.TT", 100, 160)
    early = score(truth(label), [told("excursion.validated.high", "R101.TT", 95, end=120)])

    assert early.found["validated"].hits == 1
    assert early.from_visible["validated"].median_s == -5 * 60


@pytest.mark.parametrize(("at", "end"), [(95, 99), (60, None)])
def test_a_finding_that_is_over_or_long_standing_is_not_early_but_false(at: float, end: float | None) -> None:
    label = outside("validated.high", "R101.TT", 100, 160)

    assert not meant(label, "excursion.validated.high", "R101.TT", at, end=end)


@pytest.mark.parametrize(
    ("rule", "subject", "unit", "matches"),
    [
        ("hold.breach", "crude", "T101", True),
        ("hold.breach", "crude", "", True),
        ("hold", "T101", "", True),
        ("hold.breach", "another", "C101", False),
        ("hold.warning", "crude", "T101", False),
        ("excursion.high", "T101", "", False),
    ],
)
def test_a_breach_is_meant_by_the_hold_or_its_unit(rule: str, subject: str, unit: str, matches: bool) -> None:
    label = hold(100, 200)
    scored = score(truth(label), [told(rule, subject, 110, unit=unit)])

    assert (scored.found["hold"].hits == 1) is matches


def test_a_warning_before_the_limit_is_right_and_nobody_has_to_give_it() -> None:
    waiting = hold(100, 190, LabelKind.WAITING)
    warned, silent = score(truth(waiting), [told("hold.warning", "crude", 150)]), score(truth(waiting), [])

    assert warned.false_alarms == ()
    assert silent.misses == ()
    assert silent.found["hold"].trials == 0


def test_a_warning_of_a_hold_that_has_just_begun_is_false() -> None:
    scored = score(truth(hold(100, 190, LabelKind.WAITING)), [told("hold.warning", "crude", 20)])

    assert [each.rule for each in scored.false_alarms] == ["hold.warning"]


def test_a_miss_says_what_when_where_and_what_could_have_been_known() -> None:
    (miss,) = score(truth(COOLING), []).misses

    assert (miss.label.what, miss.label.subject, miss.label.onset_ns) == ("cooling_lost", "R101", 10 * MINUTE_NS)
    assert miss.why == "R101.TT was at 66"


def test_a_fault_that_the_loop_hides_counts_for_nothing_and_is_listed() -> None:
    hidden = fault("leak", "R101", 10, 60)
    scored = score(truth(hidden), [told("excursion.nor.low", "R101.TT", 20)])

    assert scored.found["fault"].trials == 0
    assert scored.hidden == (hidden,)
    assert scored.false_alarms == ()  # whoever tells it all the same is right


def test_only_what_is_annunciated_can_be_a_false_alarm() -> None:
    scored = score(truth(), [told("drift.ewma", "R101.TT", 5, alarm=False), told("drift.ewma", "R101.TT", 9)])

    assert [each.id for each in scored.false_alarms] == ["drift.ewma/R101.TT/9"]


def test_false_alarms_are_told_per_batch_and_per_unit_day() -> None:
    scored = score(truth(), [told("drift.ewma", "R101.TT", at) for at in (5, 9)])

    assert scored.false_per_batch.per_one == 2 / 4
    assert scored.false_per_unit_day.per_one == 2 / 4  # four units, one day
    assert score(truth(), [], unit_days=30, batches=60).false_per_batch.exposure == 60


def test_what_is_recorded_but_not_annunciated_finds_and_does_not_annunciate() -> None:
    scored = score(truth(COOLING), [told("drift.ewma", "R101.TT", 20, alarm=False)])

    assert scored.found["fault"].hits == 1
    assert scored.annunciated["fault"].hits == 0


def test_one_finding_may_mean_several_labels() -> None:
    labels = (COOLING, outside("validated.high", "R101.TT", 18, 50), renamed(COOLING, "another"))
    scored = score(truth(*labels), [told("excursion.validated.high", "R101.TT", 20)])

    assert {group: each.hits for group, each in scored.found.items() if each.trials} == {"fault": 2, "validated": 1}


def test_delays_are_told_as_median_p95_and_most() -> None:
    labels = [renamed(fault("bias", "R101.TT", 100 * n, 100 * n + 20, 100 * n), str(n)) for n in range(1, 4)]
    scored = score(truth(*labels), [told("drift.cusum", "R101.TT", 100 * n + n) for n in range(1, 4)])
    delays = scored.from_onset["fault"]

    assert (delays.count, delays.median_s, delays.most_s) == (3, 120.0, 180.0)
    assert delays.p95_s == pytest.approx(174.0)


def test_everything_holds_where_everything_was_found_in_time() -> None:
    scored = score(truth(COOLING), [told("drift.cusum", "R101.TT", 20)])

    assert accept(scored, Acceptance(delay_s={"*": 300}, false_alarms=0, lost=None, doubled=None)) == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Acceptance(found=1.0), "fault: 1 of 2 found, 100% asked. Missed: cooling_lost (missed) on R101"),
        (Acceptance(found=None, delay_s={"*": 60}), "found 300 s after it could be seen, 60 s asked"),
        (Acceptance(found=None, delay_s={"missed": 60}), "was not found"),
        (Acceptance(found=None, delay_s={"nothing": 60}), "fault nothing was never visible"),
        (Acceptance(found=None, false_alarms=0), "false alarms: 1, 0 asked at most"),
        (Acceptance(found=None, lost=0), "lost: nobody counted"),
    ],
)
def test_what_does_not_hold_is_said_in_words(asked: Acceptance, words: str) -> None:
    missed = renamed(fault("cooling_lost", "R101", 400, 460, 410), "missed")
    findings = [told("drift.cusum", "R101.TT", 20), told("stale", "R102.TT", 30)]
    scored = score(truth(COOLING, missed), findings)

    assert any(words in failure for failure in accept(scored, asked))


def test_every_line_of_an_acceptance_is_a_check() -> None:
    scored = score(truth(COOLING, hold(10, 20)), [])
    names = [each.name for each in checks(scored, Acceptance(delay_s={"*": 60}, false_alarms=0))]

    assert names == ["found: fault", "found: hold", "delay: *", "false alarms", "lost", "doubled"]


def test_the_score_as_json_lists_shares_delays_misses_and_false_alarms() -> None:
    told_json = as_json(score(truth(COOLING), [told("stale", "R102.TT", 30)]))

    assert told_json["found"]["fault"]["hits"] == 0
    assert told_json["misses"][0]["why"] == "R101.TT was at 66"
    assert told_json["misses"][0]["onset"] == "1970-01-01T00:10:00Z"
    assert told_json["false_alarms"][0]["subject"] == "R102.TT"
