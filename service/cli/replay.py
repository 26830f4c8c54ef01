"""Judge the past once more, from the journal and the record, as it was or by another configuration."""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

from domain.errors import Refused
from domain.findings import Finding
from domain.time import DAY_NS, format_time, parse_time_ns
from records.database import SqlRecords
from service.config.build import load
from service.files import Files
from service.keeping import open_records
from service.replaying import Change, Folder, Said, Span, changes, compared, judged_through

_MOST_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which plant, from when to when, and by what."""
    parser.add_argument("file", type=Path, help="the configuration that runs: it names the data folder")
    parser.add_argument("--from", dest="start", metavar="TIME", help="compare from here on (default: the beginning)")
    parser.add_argument(
        "--to", dest="end", metavar="TIME", help="the first moment left out (default: as far as judged)"
    )
    parser.add_argument("--config", type=Path, metavar="NEW", help="judge by this configuration; show what differs")
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
            found = changes(records.written_versions(), said.findings.values(), other.rulebook, span)
            _show_changes(found, _figures(said, took_s), folder.shortfalls(), options.format)
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
    if format_ == "json":
        shown = [{"what": d.what, "id": d.id, "written": d.written, "replayed": d.replayed} for d in differences]
        told = {"compared": count, "differ": len(differences), "differences": shown, "inexact": why}
        print(json.dumps({**figures, **told}))
    else:
        print(f"{figures['entries']} entries of {figures['plant_days']} days judged again in {figures['seconds']} s")
        print(f"{count} versions and transitions compared, {len(differences)} differ")
        for each in differences[:_MOST_SHOWN]:
            print(f"  {each.what} {each.id}\n    written:  {each.written}\n    replayed: {each.replayed}")
        for line in why:
            print(f"not exact: {line}")
    return 1 if differences else 0


def _show_changes(found: list[Change], figures: dict[str, float], why: list[str], format_: str) -> None:
    per_rule = Counter((each.kind, each.finding.rule, each.finding.subject, each.finding.batch) for each in found)
    if format_ == "json":
        rows = [
            {
                "change": each.kind,
                "priority": int(each.priority),
                "before": None if each.before is None else _row(each.before),
                "after": None if each.kind == "gone" else _row(each.finding),
            }
            for each in found
        ]
        print(json.dumps({**figures, "changes": rows, "inexact": why}))
        return
    print(f"{'change':8} {'rule':28} {'subject':20} {'batch':12} {'number':>6}")
    for (kind, rule, subject, batch), number in sorted(per_rule.items()):
        print(f"{kind:8} {rule:28} {subject:20} {batch:12} {number:6}")
    for each in found:
        finding = each.finding
        print(f"{each.kind:8} {format_time(finding.onset_ns):24} priority {int(each.priority)}  {finding.message}")
    print(f"{figures['entries']} entries of {figures['plant_days']} days judged again in {figures['seconds']} s")
    for line in why:
        print(f"not exact: {line}")


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
