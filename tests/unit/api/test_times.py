import pytest

from api.problems import Problem
from api.times import TimeForm, parse_moment, parse_span
from domain.time import HOUR_NS, parse_time_ns

NOW_NS = parse_time_ns("2026-03-02T12:00:00Z")


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("now", NOW_NS),
        ("-8h", NOW_NS - 8 * HOUR_NS),
        ("-90min", NOW_NS - 3 * HOUR_NS // 2),
        ("-1.5h", NOW_NS - 3 * HOUR_NS // 2),
        ("1772452800000000000", 1772452800000000000),
        ("2026-03-02T12:00:00Z", NOW_NS),
        ("2026-03-02T14:00:00+02:00", NOW_NS),
        ("2026-03-02T14:00:00 02:00", NOW_NS),  # the '+' of a query that nobody encoded
        ("2026-03-02", NOW_NS - 12 * HOUR_NS),
    ],
)
def test_a_moment_may_be_written_in_several_ways(text: str, time_ns: int) -> None:
    assert parse_moment("start", text, NOW_NS) == time_ns


@pytest.mark.parametrize("text", ["", "soon", "-8", "2026-13-01T00:00:00Z", "2026-03-02T25:00:00Z", str(2**63)])
def test_what_is_no_moment_names_the_parameter(text: str) -> None:
    if text == "-8":  # an integer: eight nanoseconds before 1970
        assert parse_moment("start", text, NOW_NS) == -8
        return
    with pytest.raises(Problem) as refused:
        parse_moment("start", text, NOW_NS)

    assert refused.value.parameter == "start"


def test_a_span_of_no_length_is_refused() -> None:
    with pytest.raises(Problem):
        parse_span("now", "now", NOW_NS)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (TimeForm.NS, {"start_ns": NOW_NS, "end_ns": None}),
        (TimeForm.MS, {"start_ms": NOW_NS // 1_000_000, "end_ms": None}),
        (TimeForm.ISO, {"start": "2026-03-02T12:00:00Z", "end": None}),
    ],
)
def test_a_form_names_its_members(form: TimeForm, told: dict[str, object]) -> None:
    assert form.put(start=NOW_NS, end=None) == told
