"""Writes the tables of `docs/faults.md`: the catalogue, and what every fault of the process moves, from runs.

`python -m simulators.faults.page docs/faults.md` puts them between the page's marks, anew; it takes about a minute.
"""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from simulators.faults.effects import CASES, Case, Effect, measure
from simulators.faults.kind import Domain, FaultKind, Setting, Target
from simulators.faults.kinds import CATALOGUE

REACTOR_ROLES: Final = tuple(f"R.{role}" for role in ("TT", "PT", "AT", "JT", "LT", "FT", "FQ", "JI", "SI", "GV", "BV"))
LINE_ROLES: Final = ("T.LT", "T.TT", "C.LT", "C.TT", "C.QT", "D.LT", "D.TT", "D.FQ")
STILL: Final = "·"
"""How the tables show what a fault leaves alone."""

_TITLES: Final[Mapping[Domain, str]] = {
    Domain.PROCESS: "Process",
    Domain.OPERATOR: "Operators",
    Domain.INSTRUMENT: "Instruments",
    Domain.NETWORK: "Network",
    Domain.OPCUA: "OPC UA server",
    Domain.MQTT: "MQTT",
}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [_line(header), _line(["---"] * len(header)), *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def catalogue_tables() -> list[str]:
    """Every kind, by domain, with what it may befall and what it can be told."""
    lines: list[str] = []
    for domain, title in _TITLES.items():
        rows = [_kind_row(kind) for kind in CATALOGUE.values() if kind.domain is domain]
        lines += ["", f"### {title}", "", *table(("kind", "on", "what happens", "settings"), rows)]
    return lines


def _kind_row(kind: FaultKind) -> list[str]:
    settings = "; ".join(_setting(name, setting) for name, setting in kind.settings.items())
    ramp = "" if kind.gradual else " No ramp."
    return [f"`{kind.kind}`", ", ".join(kind.targets), kind.does + ramp, settings]


def _setting(name: str, setting: Setting) -> str:
    """What a setting is, its limits and its default."""
    unit = f" {setting.unit}" if setting.unit else ""
    limits = ", ".join(setting.choices)
    if math.isfinite(setting.low):
        limits = f"{setting.low:g} … {setting.high:g}{unit}"
    elif unit:
        limits = unit.strip()
    default = f", usually {_plain(setting.default)}" if setting.default is not None else ""
    need = ", **needed**" if setting.required else ""
    return (
        f"`{name}` ({setting.does}: {limits}{default}{need})" if limits else f"`{name}` ({setting.does}{default}{need})"
    )


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def effect_tables(effects: Sequence[Effect]) -> list[str]:
    """What each case moved: first faults of reactors, then what happens behind them."""
    of_reactors = [effect for effect in effects if effect.case.target is Target.REACTOR]
    behind = [effect for effect in effects if effect.moved & set(LINE_ROLES)]
    return [
        "",
        "### What a reactor's faults do to the reactor",
        "",
        *table(_effect_header(REACTOR_ROLES), (effect_row(effect, REACTOR_ROLES) for effect in of_reactors)),
        "",
        "### What moves behind the reactor",
        "",
        *table(_effect_header(LINE_ROLES), (effect_row(effect, LINE_ROLES) for effect in behind)),
    ]


def _effect_header(roles: Sequence[str]) -> list[str]:
    return ["fault", "from, for", *roles]


def effect_row(effect: Effect, roles: Sequence[str]) -> list[str]:
    """A case's row: peak changes in standard deviations, or left alone; bold where a validated range was left."""
    return [effect.case.name, _when(effect.case), *(_cell(effect, role) for role in roles)]


def _when(case: Case) -> str:
    after = f" + {case.after_min} min" if case.after_min else ""
    return f"{case.phase}{after}, {case.lasts_min} min"


def _cell(effect: Effect, role: str) -> str:
    if role not in effect.moved:
        return STILL
    number = f"{float(f'{effect.peak[role]:.2g}'):g}"
    return f"**{number}**" if role in effect.outside else number


def replaced(text: str, mark: str, lines: Sequence[str]) -> str:
    """A page with other lines between a mark's begin and end; ValueError where the mark is absent."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    before, found, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found and found_end):
        message = f"the page has no mark {mark!r}"
        raise ValueError(message)
    return f"{before}{begin}\n" + "\n".join(lines).strip("\n") + f"\n\n{end}{after}"


def main(words: Sequence[str]) -> None:
    """Write the tables into the page named."""
    page = Path(words[0])
    text = replaced(page.read_text(encoding="utf-8"), "catalogue", catalogue_tables())
    page.write_text(replaced(text, "effects", effect_tables(measure(CASES))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
