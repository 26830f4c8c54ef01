import pytest

from simulators.plant.state import STATES
from simulators.plant.table import PAGE, with_table


def test_the_page_has_the_parameters_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert page == with_table(page), "python -m simulators.plant.table"


def test_the_page_explains_every_kind_of_row() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert [name for name in ("heat_reflux", "rinsed_", "crystal_moment_", "total_vapour") if name not in page] == []
    assert len(STATES) > 100


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="parameters: begin"):
        with_table("# Nothing")
