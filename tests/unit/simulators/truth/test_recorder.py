from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.time import SECOND_NS
from simulators.campaign import Campaign
from simulators.faults.spec import AtPhase, AtTime, FaultSpec, Shape
from simulators.truth import normal
from simulators.truth.labels import Label, LabelKind
from simulators.truth.normal import profile_of
from simulators.truth.profile import Profile
from simulators.truth.recorder import TruthRecorder
from simulators.truth.truth import Truth
from tests.unit.simulators.truth.plant import SCENARIO, START_NS, recorded

BROKEN = (
    FaultSpec("heating", "heating_lost", "R101", AtPhase("R101", "dose", 300), lasts_s=300),
    FaultSpec(
        "charge", "wrong_charge", "R102", AtPhase("R102", "charge", 0, batch=2), lasts_s=60, settings={"amount": 0.5}
    ),
    FaultSpec("forgotten", "hold_forgotten", "T201", AtTime(600), lasts_s=3500),
    FaultSpec("cut", "cut", "opcua", AtTime(1000), lasts_s=120),
    FaultSpec("blink", "cut", "mqtt", AtTime(1000), lasts_s=30),
)
INSTRUMENTS = (
    FaultSpec("off", "bias", "R101.TT", AtPhase("R101", "dose", 60, batch=None), 200, settings={"size": 20.0}),
    FaultSpec("slightly", "bias", "R102.TT", AtTime(1000), 600, settings={"size": 0.001}),
    FaultSpec("silent", "dropout", "R102.AT", AtTime(1000), 600),
    FaultSpec("louder", "noise", "R102.PT", AtTime(1000), 600, settings={"factor": 5.0}),
    FaultSpec(
        "now and then",
        "bias",
        "T101.TT",
        AtTime(1000),
        600,
        Shape.INTERMITTENT,
        period_s=60,
        on_s=20,
        settings={"size": 20.0},
    ),
)


@pytest.fixture(scope="module")
def profile() -> Profile:
    """Of the reactors: what is normal in the tanks takes longer to find out."""
    return profile_of(replace(SCENARIO, faults=(BROKEN[0], INSTRUMENTS[0])))


@pytest.fixture(scope="module")
def broken(profile: Profile) -> Truth:
    return recorded(BROKEN, profile, 4500)


@pytest.fixture(scope="module")
def measured_wrong(profile: Profile) -> Truth:
    return recorded(INSTRUMENTS, profile, 3000)


def of(truth: Truth, id_: str) -> Label:
    return next(label for label in truth.labels if label.id == id_)


def second(time_ns: int | None) -> float:
    assert time_ns is not None
    return (time_ns - START_NS) / SECOND_NS


def phase_start(truth: Truth, unit: str, phase: str) -> float:
    return next(second(each.start_ns) for each in truth.header.phases if (each.unit, each.phase) == (unit, phase))


def test_a_fault_has_its_onset_its_end_and_its_place(broken: Truth) -> None:
    label = of(broken, "heating")

    assert second(label.onset_ns) == phase_start(broken, "R101", "dose") + 300
    assert second(label.end_ns) == second(label.onset_ns) + 300
    assert (label.unit, label.batch, label.phase) == ("R101", "101-0001", "dose")


def test_a_process_fault_is_visible_where_it_moves_a_true_value(broken: Truth) -> None:
    label = of(broken, "heating")

    assert label.onset_ns < (label.visible_ns or 0) < (label.end_ns or 0)
    assert label.seen_on[0] == "R101.JT"
    assert "R101.JT was" in label.because


def test_a_true_value_beyond_a_range_is_a_label_with_its_crossing(broken: Truth) -> None:
    label = of(broken, "nor.high R102.TT 1")
    mine = broken.values.tag == broken.tags.index("R102.TT")
    value = broken.values.value[mine][np.searchsorted(broken.values.time_ns[mine], label.onset_ns) + np.array([-1, 0])]

    assert value[0] < 45.0 < value[1]
    assert label.onset_ns % (5 * SECOND_NS) != 0  # between two steps
    assert second(label.end_ns) == phase_start(broken, "R102", "react")


def test_an_operators_mistake_is_seen_as_long_as_its_batch_is_in_the_unit(broken: Truth) -> None:
    label = of(broken, "charge")

    assert second(label.end_ns) == second(label.onset_ns) + 60
    assert "R102.LT" in label.seen_on
    assert second(label.effect_end_ns) > second(label.end_ns) + 600


def test_a_hold_over_its_limit_begins_at_the_limit_and_ends_with_the_batch(broken: Truth) -> None:
    label = next(each for each in broken.labels if each.kind is LabelKind.HOLD)

    assert (label.subject, label.batch) == ("T201", "102-0001")
    assert second(label.onset_ns) == phase_start(broken, "T201", "fill") + 1200
    assert second(label.end_ns) > 600 + 3500


def test_a_hold_in_the_second_half_of_its_limit_is_told_as_waiting(broken: Truth) -> None:
    label = next(each for each in broken.labels if each.kind is LabelKind.WAITING)

    assert second(label.onset_ns) == phase_start(broken, "T201", "fill") + 600


def test_a_cut_shows_when_it_has_withheld_values_for_a_minute(broken: Truth) -> None:
    assert second(of(broken, "cut").visible_ns) == 1060
    assert of(broken, "blink").hidden


def test_an_instruments_fault_is_seen_on_what_its_tag_reports(measured_wrong: Truth) -> None:
    labels = [label for label in measured_wrong.labels if label.id == "off"]

    assert [label.seen_on for label in labels] == [("R101.TT",), ("R101.TT",)]  # once in each batch
    assert [label.batch for label in labels] == ["101-0001", "101-0002"]
    assert 60 <= second(labels[0].visible_ns) - second(labels[0].onset_ns) <= 120
    assert "R101.TT reported" in labels[0].because


def test_bad_readings_are_visible_after_a_minute(measured_wrong: Truth) -> None:
    label = of(measured_wrong, "silent")

    assert 60 <= second(label.visible_ns) - 1000 <= 70


@pytest.mark.parametrize("id_", ["slightly", "louder", "now and then"])
def test_what_changes_no_value_for_a_minute_is_hidden(measured_wrong: Truth, id_: str) -> None:
    assert of(measured_wrong, id_).hidden
    assert of(measured_wrong, id_).visible_ns is None


def test_an_intermittent_fault_is_one_label(measured_wrong: Truth) -> None:
    assert [label.id for label in measured_wrong.labels].count("now and then") == 1


def test_an_instruments_fault_leaves_the_truth_alone(measured_wrong: Truth, profile: Profile) -> None:
    healthy = recorded((), profile, 1500)
    both = len(healthy.values.value)

    np.testing.assert_array_equal(measured_wrong.values.value[:both], healthy.values.value)
    assert [label for label in healthy.labels if label.kind is LabelKind.FAULT] == []


def test_true_values_are_kept_of_every_tag_every_ten_seconds(broken: Truth) -> None:
    times = np.unique(broken.values.time_ns)

    assert np.diff(times).tolist() == [10 * SECOND_NS] * (len(times) - 1)
    assert len(broken.values.value) == len(times) * len(broken.tags)


def test_the_header_says_what_was_run(broken: Truth) -> None:
    header = broken.header
    place = next(place for place in header.places if place.unit == "T101")

    assert (header.scenario, header.seed, header.lasts_s, header.batches) == ("short", 3, 4500, 5)
    assert place.neighbours == ("R101", "C101")
    assert "T101.XFER_IN" in place.tags
    assert set(header.served) == {"opcua", "mqtt"}
    assert header.twins["R101.temperature"] == ("R101.TT", "R101.TT2")
    assert len(header.twins) == 2  # one in each reactor
    assert header.unit_days == pytest.approx(8 * 4500 / 86400)


def test_labels_come_in_the_order_of_their_onsets(broken: Truth) -> None:
    onsets = [label.onset_ns for label in broken.labels]

    assert onsets == sorted(onsets)


def test_the_truth_may_be_asked_for_on_the_way() -> None:
    campaign, recorder = Campaign(replace(SCENARIO, faults=BROKEN)), TruthRecorder(SCENARIO, None, keep_values=False)
    campaign.observers.append(recorder)
    list(campaign.advance(1100))
    labels = recorder.labels()

    assert [label.id for label in labels if label.end_ns is None and label.kind is LabelKind.FAULT] == [
        "forgotten",
        "heating",
        "cut",
    ]
    assert len(recorder.truth().values.value) == 0


def test_who_has_seen_nothing_has_no_truth_to_tell() -> None:
    with pytest.raises(RuntimeError, match="no step of a campaign"):
        TruthRecorder(SCENARIO, None).truth()


def test_a_scenario_without_such_faults_needs_no_profile() -> None:
    assert profile_of(replace(SCENARIO, faults=BROKEN[3:])).bands == {}


def test_a_profile_is_kept_in_a_folder(tmp_path: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Running is not asked for a second time: what would run refuses."""
    scenario = replace(SCENARIO, faults=BROKEN)
    monkeypatch.setattr(normal, "_profiles", {})
    monkeypatch.setattr(normal, "_run", lambda *_: profile)
    profile_of(scenario, tmp_path)
    monkeypatch.setattr(normal, "_profiles", {})
    monkeypatch.delattr(normal, "_run")
    again = profile_of(scenario, tmp_path)

    assert again is not profile
    assert again.bands.keys() == profile.bands.keys()
    np.testing.assert_array_equal(again.bands["R101", "dose"].true_low, profile.bands["R101", "dose"].true_low)
    assert again.bands["R101", "dose"].longest_s == profile.bands["R101", "dose"].longest_s


def test_a_kept_profile_that_cannot_be_read_is_made_anew(
    tmp_path: Path, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = replace(SCENARIO, faults=BROKEN)
    monkeypatch.setattr(normal, "_run", lambda *_: profile)
    for text in (None, b"not a profile"):
        monkeypatch.setattr(normal, "_profiles", {})
        for file in tmp_path.iterdir():
            file.write_bytes(text or b"")
        made = profile_of(scenario, tmp_path)

    assert made is profile
