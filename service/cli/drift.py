"""Confirm a tag's drift charts: how often they would alarm falsely on quiet data of its own."""

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detectors.drift.confirm import Confirmed, confirmed_arl0
from domain.errors import Refused
from domain.rules import DriftRule
from domain.status import BAD
from domain.tags import TagTable
from domain.time import format_duration, parse_time_ns
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from service.config.build import load
from service.files import Files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which tag, and a time in which nothing was wrong with it."""
    parser.add_argument("verb_of_drift", choices=("confirm",), metavar="confirm")
    parser.add_argument("file", type=Path, help="the configuration: the tag's rule and the data folder")
    parser.add_argument("--tag", required=True, metavar="NAME")
    parser.add_argument("--from", dest="start", required=True, metavar="TIME", help="of a quiet stretch of one phase")
    parser.add_argument("--to", dest="end", required=True, metavar="TIME", help="the first moment left out")


def run(options: argparse.Namespace) -> int:
    """Learn from the first half of the stretch, chart the second; exit 0 if every run length is confirmed, else 1."""
    configuration = load(options.file)
    rules = configuration.rulebook.tags.get(options.tag)
    if rules is None or rules.drift is None:
        raise Refused(f"tag {options.tag!r} has no drift rule")
    try:
        start_ns, end_ns = parse_time_ns(options.start), parse_time_ns(options.end)
        means = _means(Files(configuration.data), options.tag, start_ns, end_ns, rules.drift)
        half = len(means) // 2
        found = confirmed_arl0(means[:half], means[half:], rules.drift)
    except ValueError as error:
        raise Refused(f"tag {options.tag!r}: {error}") from error
    print(f"{options.tag}: baseline from {half} windows, charted on the {len(means) - half} after them")
    for name, each in found.items():
        print(f"  {name:14} {_words(each, rules.drift)}")
    print(_section(found))
    return 0 if all(each.is_confirmed for each in found.values()) else 1


def _section(found: Mapping[str, Confirmed]) -> str:
    """What to write under the tag's `drift`, so that each finding tells it."""
    stated = next(iter(found.values())).stated
    windows = ", ".join(f"{name}: [{_bound(each.low)}, {_bound(each.high)}]" for name, each in found.items())
    told = f"{{on: {datetime.now(UTC).date()}, stated: {stated:.0f}, windows: {{{windows}}}}}"
    return f"for its `drift` in the configuration:\n  confirmed: {told}"


def _bound(windows: float) -> str:
    return f"{windows:.0f}" if np.isfinite(windows) else "null"


def _words(each: Confirmed, rule: DriftRule) -> str:
    stated = f"stated {each.stated:,.0f} windows = {format_duration(round(each.stated * rule.every_ns))}"
    if not each.alarms:
        return f"{stated}; no alarm in {each.windows:,} windows, at least {each.low:,.0f}"
    high = f"{each.high:,.0f}" if np.isfinite(each.high) else "any"
    verdict = "confirmed" if each.is_confirmed else "NOT confirmed"
    return f"{stated}; measured {each.measured:,.0f} (90 %: {each.low:,.0f} to {high}, {each.alarms} alarms): {verdict}"


def _means(files: Files, name: str, start_ns: int, end_ns: int, rule: DriftRule) -> NDArray[np.float64]:
    """The means of the windows that have proven samples, in order."""
    journal = ReadOnlyJournal(files.journal)
    history = HistoryView(files.history, journal)
    history.refresh()
    tag = TagTable(journal.tags()).named(name)
    total: NDArray[np.float64] = np.zeros(max((end_ns - start_ns) // rule.every_ns, 0) + 1)
    count = np.zeros(len(total))
    for rows in history.read_pieces(tag.id, start_ns, end_ns):
        proven = np.isfinite(rows.value) & (rows.status < np.uint32(BAD))
        window = (rows.time_ns[proven] - start_ns) // rule.every_ns
        np.add.at(total, window, rows.value[proven])
        np.add.at(count, window, 1.0)
    return total[count > 0] / count[count > 0]
