"""Master recipes: what is understood, and every refusal with its place."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import ConfigError
from domain.recipes import Charged, Limits, Parallel, RangeKind, UnitProcedure
from service.config.build import Configuration, load

SECOND = 10**9
GOOD = """\
sources: {plc: {opcua: {url: "opc.tcp://127.0.0.1:4840"}}}
templates:
  reactor:
    tags:
      "{unit}.TT": {node: "nsu=urn:p;s={unit}.TT", unit: degC}
      "{unit}.TSP": {node: "nsu=urn:p;s={unit}.TSP", unit: degC}
      "{unit}.PT": {node: "nsu=urn:p;s={unit}.PT", unit: bar, reference: gauge}
      "{unit}.PSP": {node: "nsu=urn:p;s={unit}.PSP", unit: bar, reference: absolute}
      "{unit}.AT": {node: "nsu=urn:p;s={unit}.AT", unit: pH}
      "{unit}.WT": {node: "nsu=urn:p;s={unit}.WT", unit: kg}
      "{unit}.STEP": {node: "nsu=urn:p;s={unit}.STEP"}
units:
  R101: {template: reactor, source: plc, recipe: API-1, phase: {tag: R101.STEP, map: {10: charge, 20: dose}}}
  R102: {template: reactor, source: plc, recipe: API-1, phase: {tag: R102.STEP, map: {10: charge, 20: dose}}}
recipes:
  API-1:
    version: 7
    change: CR-1234
    gmp_start: dose
    procedure:
      - parallel:
          - - unit_procedure: reaction
              units: [R101]
              operations:
                - {operation: react, phases: [charge, dose]}
          - - unit_procedure: dissolution
              units: [R102]
              operations:
                - {operation: dissolve, phases: [charge]}
      - unit_procedure: work-up
        operations:
          - {operation: extract, phases: [extract]}
    phases:
      charge:
        duration: {unit: min, validated: [15, 30], study: VR-13}
        AT: {nor: [7.3, 7.7]}
      dose:
        duration: {unit: h, validated: [4, 6]}
        TT:
          unit: degC
          set_point: TSP
          relative: {unit: delta_degC, nor: [-2, 2], alert: [-3, 3]}
          validated: [55, 65]
          study: VR-12
        PT: {unit: mbar, reference: gauge, after: 5min, validated: [null, 500], study: VR-12}
        addition_rate:
          feed: {of: WT, unit: kg/h, over: 5min, falling: true, validated: [30, 60], study: VR-15}
        time_at:
          reaction: {of: TT, within: [55, null], unit: h, validated: [3, 5], study: VR-16}
    yields:
      crude: {unit: kg, theoretical: 120.5, expected: [85.10, 95], study: VR-17}
"""


def built(folder, text: str = GOOD) -> Configuration:
    file = folder / "thermowell.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def complaints(folder, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        built(folder, text)
    return [str(complaint).removeprefix(f"{folder}/thermowell.yaml:") for complaint in caught.value.complaints]


def recipe(folder, text: str = GOOD):
    return built(folder, text).rulebook.recipes["API-1"]


def test_a_procedure_has_sequential_and_parallel_paths(tmp_path):
    first, second = recipe(tmp_path).procedure

    assert isinstance(first, Parallel)
    assert [path[0].name for path in first.paths] == ["reaction", "dissolution"]
    assert isinstance(second, UnitProcedure)
    assert first.paths[0][0].phases == ("charge", "dose")


def test_ranges_around_a_set_point_are_differences_in_the_tags_unit(tmp_path):
    ranges = recipe(tmp_path).phases["dose"].parameters["TT"]

    assert ranges.set_point == "TSP"
    assert ranges.relative == {RangeKind.NOR: Limits(-2, 2), RangeKind.ALERT: Limits(-3, 3)}
    assert ranges.ranges == {RangeKind.VALIDATED: Limits(55, 65)}


def test_ranges_around_a_fixed_set_point_become_what_they_come_to(tmp_path):
    ranges = recipe(tmp_path, GOOD.replace("set_point: TSP", "set_point: 60")).phases["dose"].parameters["TT"]

    assert ranges.set_point == ""
    assert ranges.ranges == {
        RangeKind.NOR: Limits(58, 62),
        RangeKind.ALERT: Limits(57, 63),
        RangeKind.VALIDATED: Limits(55, 65),
    }
    assert list(ranges.ranges) == [RangeKind.NOR, RangeKind.ALERT, RangeKind.VALIDATED]


def test_an_addition_rate_is_in_the_tags_unit_per_minute(tmp_path):
    rate = recipe(tmp_path).phases["dose"].rates["feed"]

    assert (rate.parameter, rate.unit, rate.window_ns, rate.falling) == ("WT", "kg/min", 300 * SECOND, True)
    assert rate.ranges[RangeKind.VALIDATED] == Limits(pytest.approx(0.5), pytest.approx(1.0))


def test_time_at_temperature_is_one_sided_within_and_in_ns(tmp_path):
    dwell = recipe(tmp_path).phases["dose"].dwells["reaction"]

    assert dwell.within == Limits(55, None)
    assert dwell.ranges == {RangeKind.VALIDATED: Limits(3 * 3600 * SECOND, 5 * 3600 * SECOND)}


def test_yields_are_decimals_as_written(tmp_path):
    crude = recipe(tmp_path).yields["crude"]

    assert (crude.theoretical, crude.low_percent) == (Decimal("120.5"), Decimal("85.1"))


def test_a_yield_may_say_what_it_is_of_and_for_how_much(tmp_path):
    more = "material: wet, leaves: [R101], per: {material: SM-1, amount: 80.50, unit: kg}, expected: [85.10, 95]"
    crude = recipe(tmp_path, GOOD.replace("expected: [85.10, 95]", more)).yields["crude"]

    assert (crude.product, crude.leaves) == ("wet", ("R101",))
    assert crude.per == Charged("SM-1", Decimal("80.50"), "kg")


def test_the_gmp_start_is_a_phase(tmp_path):
    assert recipe(tmp_path).gmp_start == "dose"


def test_legacy_products_may_lack_nor_and_par(tmp_path):
    ranges = recipe(tmp_path).phases["dose"].parameters["PT"].ranges

    assert list(ranges) == [RangeKind.VALIDATED]


@pytest.mark.parametrize(
    ("old", "new", "place_and_reason"),
    [
        ("nor: [-2, 2]", "nor: [-4, 2]", "42:40: recipes.API-1.phases.dose.TT.relative.nor: nor does not lie inside"),
        (
            "alert: [-3, 3]",
            "alert: [-6, 6]",
            "42:54: recipes.API-1.phases.dose.TT.relative.alert: alert does not lie inside validated at any set point",
        ),
        (
            "alert: [-3, 3]",
            "alert: [-3, null]",
            "42:54: recipes.API-1.phases.dose.TT.relative.alert: alert does not lie inside validated at any set point",
        ),
        ("set_point: TSP", "set_point: 64", "42:54: recipes.API-1.phases.dose.TT.relative.alert: alert does not lie"),
        ("unit: delta_degC", "unit: degC", "42:22: recipes.API-1.phases.dose.TT.relative.unit: degC is a temperature"),
        ("unit: degC\n          set", "unit: delta_degC\n          set", "40:11: recipes.API-1.phases.dose.TT.unit:"),
        ("set_point: TSP", "set_point: TXP", "41:11: recipes.API-1.phases.dose.TT.set_point: no unit has a tag"),
        ("set_point: TSP", "set_point: AT", "41:11: recipes.API-1.phases.dose.TT.set_point: tag 'R101.AT' is in pH"),
        ("          set_point: TSP\n", "", "41:11: recipes.API-1.phases.dose.TT.relative: needs a `set_point`"),
        ("validated: [55, 65]", "nor: [55, 65]", "dose.TT.relative.nor: is given as an absolute range too"),
        ("          study: VR-12\n", "", "39:9: recipes.API-1.phases.dose.TT: names no `study` that proves"),
        (", study: VR-16", "", "49:11: recipes.API-1.phases.dose.time_at.reaction: names no `study`"),
        (", study: VR-15", "", "47:11: recipes.API-1.phases.dose.addition_rate.feed: names no `study`"),
        (
            "reference: gauge, after",
            "reference: absolute, after",
            "45:9: recipes.API-1.phases.dose.PT: is absolute, but tag",
        ),
        ("unit: mbar, ", "unit: K, ", "45:14: recipes.API-1.phases.dose.PT.unit: K cannot be converted to bar"),
        ("AT: {nor", "AT: {unit: degC, nor", "AT.unit: degC cannot be converted to pH"),
        ("AT: {nor", "XT: {nor", "36:9: recipes.API-1.phases.charge.XT: no unit has a tag for the parameter 'XT'"),
        ("of: WT", "of: WX", "47:18: recipes.API-1.phases.dose.addition_rate.feed.of: no unit has a tag"),
        ("unit: kg/h", "unit: kg", "47:26: recipes.API-1.phases.dose.addition_rate.feed.unit: kg cannot be converted"),
        ("over: 5min", "over: 0s", "addition_rate.feed.over: a rate needs time"),
        ("within: [55, null]", "within: [null, null]", "49:30: recipes.API-1.phases.dose.time_at.reaction.within: has"),
        (
            "unit: h, validated: [3, 5]",
            "unit: degC, validated: [3, 5]",
            "time_at.reaction.unit: degC is no unit of time",
        ),
        ("units: [R102]", "units: [R101]", "26:15: recipes.API-1.procedure.0.parallel.1.0: overlaps 'reaction'"),
        ("units: [R102]", "units: [R109]", "27:23: recipes.API-1.procedure.0.parallel.1.0.units.0: no unit is named"),
        (
            "phases: [charge, dose]",
            "phases: [charge, {parallel: [[dose], [stir]]}]",
            "25:55: recipes.API-1.procedure.0.parallel.0.0.operations.0.phases.1: 'dose' and 'stir' would overlap",
        ),
        ("phases: [charge, dose]", "phases: [charge]", "37:7: recipes.API-1.phases.dose: is in no operation"),
        ("gmp_start: dose", "gmp_start: doze", "19:5: recipes.API-1.gmp_start: no phase is named 'doze'; did you mean"),
        ("unit_procedure: work-up", "unit_procedure: reaction", "'reaction' is there already"),
        ("[85.10, 95]", "[96, 95]", "51:45: recipes.API-1.yields.crude.expected: its lower end is above"),
        (
            "expected: [85.10, 95]",
            "expected: [85, 95], leaves: [R1O1]",
            "yields.crude.leaves.0: no unit is named 'R1O1'",
        ),
        ("theoretical: 120.5", "theoretical: 0", "yields.crude.theoretical: "),
        ("validated: [15, 30]", "validated: [35, 30]", "charge.duration.validated: its lower end is above"),
    ],
)
def test_what_cannot_judge_is_refused_with_its_place(tmp_path, old, new, place_and_reason):
    assert old in GOOD

    assert any(place_and_reason in each for each in complaints(tmp_path, GOOD.replace(old, new, 1)))


def test_a_set_point_that_one_unit_lacks_is_refused(tmp_path):
    text = GOOD.replace('"{unit}.TSP": {node: "nsu=urn:p;s={unit}.TSP"', '"R101.TSP": {node: "nsu=urn:p;s=R101.TSP"')
    text = text.replace("units:\n  R101: {", "units:\n  R101: {parameters: {TSP: R101.TSP}, ", 1)

    assert any("set_point: unit 'R102' has no tag" in each for each in complaints(tmp_path, text))


def test_what_is_to_be_approved_needs_a_change_number_and_a_study_of_its_duration(tmp_path):
    text = "approval: required\n" + GOOD.replace("    change: CR-1234\n", "")

    told = complaints(tmp_path, text)

    assert any("recipes.API-1.change: what is to be approved needs a change number" in each for each in told)
    assert any("dose.duration: names no `study`" in each for each in told)


_END = st.one_of(st.none(), st.integers(-20, 20))
_INTERVAL = st.tuples(_END, _END).filter(
    lambda ends: ends != (None, None) and (None in ends or ends[0] <= ends[1])  # without any limit it is refused
)


def _inside(inner, outer) -> bool:
    """Every point of the one is a point of the other: on a grid that has a point beyond each end."""
    points = [number / 2 for number in range(-44, 45)]

    def has(interval, point):
        return (interval[0] is None or interval[0] <= point) and (interval[1] is None or point <= interval[1])

    return all(has(outer, point) for point in points if has(inner, point))


@settings(deadline=None, max_examples=50)  # each example reads a file
@given(given_=st.dictionaries(st.sampled_from(list(RangeKind)), _INTERVAL, min_size=1))
def test_exactly_ranges_that_nest_are_taken(tmp_path_factory, given_):
    """Whatever is given, in whatever order: the file is refused if and only if an inner range has a point outside."""
    kinds = [kind for kind in RangeKind if kind in given_]
    nests = all(
        _inside(given_[inner], given_[outer]) for place, inner in enumerate(kinds) for outer in kinds[place + 1 :]
    )
    ranges = "".join(
        f", {kind}: [{', '.join('null' if end is None else str(end) for end in ends)}]" for kind, ends in given_.items()
    )
    text = GOOD.replace("AT: {nor: [7.3, 7.7]}", f"AT: {{study: X{ranges}}}")
    folder = tmp_path_factory.mktemp("nesting")

    if nests:
        assert set(recipe(folder, text).phases["charge"].parameters["AT"].ranges) == set(kinds)
    else:
        assert all("charge.AT." in each and "does not lie inside" in each for each in complaints(folder, text))
