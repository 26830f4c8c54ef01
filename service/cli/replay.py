"""Judge the past once more, from the journal and the record, as it was or by another configuration."""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

from detectors.identity import detector_hash
from domain.errors import Refused
from domain.findings import Finding
from domain.rules import Priority
from domain.time import DAY_NS, format_time, parse_time_ns
from records.database import SqlRecords
from service.config.build import load
from service.files import Files
from service.keeping import open_records
from service.replaying import Change, Folder, Said, Span, changes, compared, detectors_of, judged_through

_MOST_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which plant, from when to when, and by what."""
    parser.add_argument("file", type=Path, help="the configuration that runs: it names the data folder")
    parser.add_argument("--from", dest="start", metavar="TIME", help="compare from here on (default: the beginning)")
    parser.add_argument(
        "--to", dest="end", metavar="TIME", help="the first moment left out (default: as far as judged)"
    )
    parser.add_argument("--config", type=Path, metavar="NEW", help="judge by this configuration; show what differs")
    parser.add_argument("--events", action="store_true", help="with --config: list events too, not their number alone")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(options: argparse.Namespace) -> int:
    """Exit 0 if nothing differs, 1 if something does, 2 if it cannot be told."""
    span = Span(_time(options.start), _time(options.end))
    configuration = load(options.file)
    other = None if options.config is None else load(options.config)
    files = Files(configuration.data)
    records, folder = open_records(configuration), Folder(files)
    try:
        began_s = time.monotonic()
        said = folder.replayed(other or configuration, judged_through(records))
        took_s = time.monotonic() - began_s
        if other is not None:
            rules = configuration.rulebook
            count, found = changes(records.written_versions(), said.findings.values(), other.rulebook, span, rules)
            figures = {**_figures(said, took_s), "compared": count}
            programs = detectors_of(records.written_versions(), span)
            if options.format == "json":
                _print_changes(found, figures, folder.shortfalls(), programs)
            else:
                show_changes(found, figures, folder.shortfalls(), programs, events=options.events)
            return 1 if found else 0
        return _compare(folder, records, said, span, configuration.hash, _figures(said, took_s), options.format)
    finally:
        folder.close()
        records.close()


def _time(text: str | None) -> int | None:
    try:
        return None if text is None else parse_time_ns(text)
    except ValueError as error:
        raise Refused(str(error)) from error


def _figures(said: Said, took_s: float) -> dict[str, float]:
    days = (said.last_ns - (said.first_ns or said.last_ns)) / DAY_NS
    return {"entries": said.entries, "plant_days": round(days, 4), "seconds": round(took_s, 2)}


def _compare(
    folder: Folder, records: SqlRecords, said: Said, span: Span, hash_: str, figures: dict[str, float], format_: str
) -> int:
    since_ns, is_first = folder.ran_since_ns(hash_)
    if since_ns is None:
        raise Refused("this configuration has changed since it ran: start the service with it, or use --config")
    why = folder.shortfalls()
    if not is_first:
        why.append(f"other configurations judged before {format_time(since_ns)}: what they left open is not replayed")
        span = Span(max(since_ns, span.start_ns or since_ns), span.end_ns)
    count, differences = compared(said, records, span, alarms=is_first)
    programs = detectors_of(records.written_versions(), span)
    if format_ == "json":
        shown = [{"what": d.what, "id": d.id, "written": d.written, "replayed": d.replayed} for d in differences]
        told = {"compared": count, "differ": len(differences), "differences": shown, "inexact": why}
        print(json.dumps({**figures, **told, **_programs(programs)}))
    else:
        print(f"{figures['entries']} entries of {figures['plant_days']} days judged again in {figures['seconds']} s")
        print(f"{count} versions and transitions compared, {len(differences)} differ")
        for each in differences[:_MOST_SHOWN]:
            print(f"  {each.what} {each.id}\n    written:  {each.written}\n    replayed: {each.replayed}")
        print(_program_line(programs))
        for line in why:
            print(f"not exact: {line}")
    return 1 if differences else 0


def _print_changes(found: list[Change], figures: dict[str, float], why: list[str], programs: list[str]) -> None:
    rows = [
        {
            "change": each.kind,
            "priority": int(each.priority),
            "before": None if each.before is None else _row(each.before),
            "after": None if each.kind == "gone" else _row(each.finding),
        }
        for each in found
    ]
    print(json.dumps({**figures, **_programs(programs), "changes": rows, "inexact": why}))


def show_changes(
    found: list[Change], figures: dict[str, float], why: list[str], programs: list[str], *, events: bool
) -> None:
    """The table first: what these limits would have alarmed; events are counted, or listed where that is asked for."""
    alarms = [each for each in found if each.priority is not Priority.EVENT]
    told = Counter(each.finding.rule for each in found if each.priority is Priority.EVENT)
    judged = f"{figures['entries']} entries of {figures['plant_days']} days judged again in {figures['seconds']} s"
    if not found:
        print(f"nothing differs: {figures['compared']} findings compared, {judged}; {_program_line(programs)}")
    shown = found if events else alarms
    if shown:
        _show_table(shown)
    elif found:
        print("no alarm differs")
    if told and not events:
        which = ", ".join(f"{number} {rule}" for rule, number in told.most_common())
        print(f"{told.total()} events differ ({which}); --events lists them")
    if found:
        print(f"{figures['compared']} findings compared, {judged}")
        print(_program_line(programs))
    for line in why:
        print(f"not exact: {line}")


def _show_table(shown: list[Change]) -> None:
    per_rule = Counter((each.kind, each.finding.rule, each.finding.subject, each.finding.batch) for each in shown)
    print(f"{'change':8} {'rule':28} {'subject':20} {'batch':12} {'number':>6}")
    for (kind, rule, subject, batch), number in sorted(per_rule.items()):
        print(f"{kind:8} {rule:28} {subject:20} {batch:12} {number:6}")
    for each in shown:
        finding = each.finding
        how = "event     " if each.priority is Priority.EVENT else f"priority {int(each.priority)}"
        print(f"{each.kind:8} {format_time(finding.onset_ns):24} {how}  {finding.message}")


def _programs(programs: list[str]) -> dict[str, dict[str, object]]:
    return {"detectors": {"written": programs, "replayed": _this_program()}}


def _this_program() -> str:
    return detector_hash()[:12]


def _program_line(programs: list[str]) -> str:
    """Which detectors judged, and what follows where they are not these."""
    replayed = _this_program()
    if set(programs) <= {replayed}:
        return f"judged then and now by detectors {replayed}"
    return (
        f"judged then by detectors {' and '.join(programs)}, now by {replayed}: the program differs, so a difference "
        "may be its own; a replay without --config tells how much"
    )


def _row(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "subject": finding.subject,
        "batch": finding.batch,
        "phase": finding.phase,
        "onset": format_time(finding.onset_ns),
        "end": None if finding.end_ns is None else format_time(finding.end_ns),
        "message": finding.message,
    }
