"""The alarm system's report of a week, as text for people; each figure with what the standards hold to be good."""

from collections.abc import Iterator, Sequence

from domain.performance import Flood, Named, Performance, Standing
from domain.rules import Priority
from domain.targets import Figure, Verdict, figures_of
from domain.time import format_duration, format_time

_FLOODS = 20
_NAMED = 10


def headline_of(told: Performance) -> str:
    """`412 annunciated, 2 floods, 3 figures beyond their targets`."""
    poor = sum(each.verdict is Verdict.POOR for each in figures_of(told))
    floods, figures = _some(len(told.floods), "flood"), _some(poor, "figure")
    return (
        f"{told.annunciated} annunciated, {floods}, {figures} beyond {'its target' if poor == 1 else 'their targets'}"
    )


def text_of(told: Performance, site: str, name: str = "", zone: str = "UTC") -> str:
    """The whole report. `name`: of the week, if it is one."""
    asked = told.asked
    of = f", week {name} ({zone})" if name else ""
    lines = [
        f"Alarm performance of {site}{of}",
        f"{format_time(asked.start_ns)} to {format_time(asked.end_ns)}: {headline_of(told)}.",
        *_figures(figures_of(told)),
        *_listed("Most frequent", [f"{each.times:>6} x {_alarm(each.named)}" for each in told.frequent]),
        *_listed("Floods", [_flood(each) for each in told.floods[-_FLOODS:]]),
        *_listed(
            "Chattering (three times in a minute or more)",
            [f"{each.times:>6} x {_alarm(each.named)}, at most {each.most} in a minute" for each in told.chattering],
        ),
        *_listed(
            "Fleeting (back within a minute)", [f"{each.times:>6} x {_alarm(each.named)}" for each in told.fleeting]
        ),
        *_listed("Stale (active for more than a day)", [_standing(each) for each in told.stale]),
        *_listed("Standing at the end", [_standing(each) for each in told.standing]),
        *_listed("Shelved, suppressed, out of service", list(_put_away(told))),
        "",
        "Targets: ANSI/ISA-18.2-2016 and IEC 62682, for one operator position; EEMUA 191.",
    ]
    return "\n".join(lines)


def _figures(figures: Sequence[Figure]) -> Iterator[str]:
    heading = None
    for each in figures:
        if each.position != heading:
            heading = each.position
            yield ""
            yield f"Position {heading}" if heading else "All that was measured"
        told = f"  {each.name:34}{each.value:>18}   {each.target:26}{each.verdict}"
        yield told.rstrip()


def _listed(heading: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    more = [f"  and {len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    return ["", f"{heading}: {len(lines)}", *(f"  {line}" for line in lines[:_NAMED]), *more]


def _alarm(named: Named) -> str:
    where = f" ({named.unit})" if named.unit else ""
    return f"{named.subject} {named.name}{where}"


def _flood(flood: Flood) -> str:
    end = "still" if flood.end_ns is None else format_time(flood.end_ns)
    first = f"; first: {flood.first_out}" if flood.first_out else ""
    counts = f"{flood.annunciated} annunciated, at most {flood.peak} in ten minutes"
    return f"{format_time(flood.start_ns)} to {end}, {flood.position}: {counts}{first}"


def _standing(each: Standing) -> str:
    seen = "acknowledged" if each.is_acknowledged else "not acknowledged"
    over = ", over by the end" if each.is_over else ""
    priority = Priority(each.priority).name.lower()
    return f"{_alarm(each.named)}: {priority}, {format_duration(each.active_ns)}, {seen}{over}"


def _put_away(told: Performance) -> Iterator[str]:
    for each in told.put_away:
        times = (
            ("shelved", each.shelved_ns),
            ("suppressed", each.suppressed_ns),
            ("out of service", each.out_of_service_ns),
        )
        yield f"{_alarm(each.named)}: " + ", ".join(f"{what} {format_duration(ns)}" for what, ns in times if ns)


def _some(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
