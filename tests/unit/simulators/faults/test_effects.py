from collections.abc import Mapping
from pathlib import Path

import pytest

from simulators.faults.effects import CASES, VISIBLE_SIGMA, Effect, measure
from simulators.faults.page import LINE_ROLES, REACTOR_ROLES, STILL, catalogue_tables, effect_tables, replaced

PAGE = Path(__file__).parents[4] / "docs" / "faults.md"
QUICK = [case for case in CASES if case.kind in {"leak", "heating_lost"}][:2]
"""Cases that are over soon after the dosing has begun."""

R = {role.partition(".")[2] for role in REACTOR_ROLES}

MUST: Mapping[str, tuple[str, str]] = {
    # what a fault has to move, and what it cannot move: by what the plant is, not by what a run gave
    "wrong_charge of a reactor": ("LT", "FT FQ JI SI"),
    "wrong_order of a reactor": ("FT FQ LT BV", "JI SI"),
    "heating_lost of a reactor": ("TT JT", "FT FQ JI SI"),
    "leak of a reactor": ("GV", "TT AT JT LT FT FQ JI SI BV"),
    "fouling of a reactor": ("JT TT", "FT FQ JI SI"),
    "cooling_lost of a reactor": ("TT JT", "FT FQ JI SI"),
    "agitator_stop of a reactor": ("SI JI TT JT", "FT FQ"),
    "base_pump_lost of a reactor": ("AT BV", "FT FQ JI SI"),
    "feed_pump_lost of a reactor": ("FT FQ LT", "JI SI"),
    "mistuned_loop of a reactor, temperature": ("JT", "FT FQ JI SI"),
    "mistuned_loop of a reactor, jacket": ("JT", "FT FQ JI SI"),
    "mistuned_loop of a reactor, ph": ("AT BV", "FT FQ JI SI"),
    "mistuned_loop of a reactor, pressure": ("GV", "TT AT JT LT FT FQ JI SI BV"),
    "ph_control_bias of a reactor": ("AT BV", "TT PT LT FT FQ JI SI"),
    "nitrogen_lost of a reactor": ("PT GV", "TT AT JT LT FT FQ JI SI BV"),
    "late_transfer of a reactor": ("LT", "FT FQ"),
}
MUST_BEHIND: Mapping[str, tuple[str, str]] = {
    "late_transfer of a reactor": ("T.LT", ""),
    "cooling_lost of a tank": ("T.TT", "T.LT C.LT D.LT"),
    "late_transfer of a tank": ("T.LT C.LT", ""),
    "hold_forgotten of a tank": ("T.LT C.LT", ""),
    "seed_forgotten of a crystalliser": ("C.QT", "T.LT T.TT C.LT D.LT"),
    "cooling_lost of a crystalliser": ("C.TT C.QT", "T.LT T.TT C.LT"),
    "fouling of a crystalliser": ("C.TT C.QT", "T.LT T.TT C.LT"),
    "heating_lost of a still": ("D.TT D.FQ", "T.LT T.TT C.LT C.TT C.QT"),
    "fouling of a still": ("D.TT D.FQ", "T.LT T.TT C.LT C.TT C.QT"),
}


def committed() -> dict[str, dict[str, str]]:
    """The cells of the page's tables by case and role."""
    cells: dict[str, dict[str, str]] = {}
    header: list[str] = []
    for line in PAGE.read_text(encoding="utf-8").partition("<!-- effects: begin -->")[2].splitlines():
        row = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if row and row[0] == "fault":
            header = row
        elif row and row[0] != "---":
            cells.setdefault(row[0], {}).update(dict(zip(header[2:], row[2:], strict=True)))
    return cells


@pytest.fixture(scope="module")
def measured() -> list[Effect]:
    return measure(QUICK)


def test_the_page_has_every_kind_as_it_is() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert replaced(text, "catalogue", catalogue_tables()) == text


def test_the_page_has_a_row_for_every_case() -> None:
    assert set(committed()) == {case.name for case in CASES} == set(MUST) | set(MUST_BEHIND)


@pytest.mark.parametrize(("must", "prefix"), [(MUST, "R."), (MUST_BEHIND, "")])
def test_every_fault_moves_what_it_should_and_leaves_alone_what_it_should_not(
    must: Mapping[str, tuple[str, str]], prefix: str
) -> None:
    cells = committed()
    for case, (moves, spares) in must.items():
        for role in moves.split():
            assert cells[case][prefix + role] != STILL, f"{case} should move {role}"
        for role in spares.split():
            assert cells[case][prefix + role] == STILL, f"{case} should leave {role} alone"


def test_the_rows_of_the_page_still_hold(measured: list[Effect]) -> None:
    cells = committed()
    told = {}
    for effect in measured:
        for role in REACTOR_ROLES:
            cell = cells[effect.case.name][role]
            if 0.7 * VISIBLE_SIGMA < effect.peak[role] < 1.4 * VISIBLE_SIGMA:
                continue  # so near to the border it may be either
            told[effect.case.name, role] = (cell != STILL, cell.startswith("**"))

    assert len(told) > 0.8 * len(QUICK) * len(REACTOR_ROLES)
    assert told == {
        (effect.case.name, role): (role in effect.moved, role in effect.outside and role in effect.moved)
        for effect in measured
        for role in REACTOR_ROLES
        if (effect.case.name, role) in told
    }


def test_a_fault_of_a_reactor_moves_nothing_behind_it_while_it_reacts(measured: list[Effect]) -> None:
    assert all(effect.peak[role] == 0.0 for effect in measured for role in LINE_ROLES)


def test_a_case_that_never_begins_is_named() -> None:
    lost = [case for case in CASES if case.kind == "seed_forgotten"]

    with pytest.raises(RuntimeError, match="never seen to its end within 600 s: seed_forgotten of a crystalliser"):
        measure(lost, longest_s=600)


def test_tables_are_put_between_the_marks_of_a_page(measured: list[Effect]) -> None:
    page = "before\n<!-- effects: begin -->\nold\n<!-- effects: end -->\nafter\n"
    text = replaced(page, "effects", effect_tables(measured))

    assert text.startswith("before\n<!-- effects: begin -->\n### ")
    assert text.endswith("\n<!-- effects: end -->\nafter\n")
    assert "old" not in text
    with pytest.raises(ValueError, match="the page has no mark 'kinds'"):
        replaced(page, "kinds", [])
