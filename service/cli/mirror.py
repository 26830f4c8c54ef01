"""Compare a mirror with the record, or make it alike again; also beside the running service."""

import argparse
import time
from contextlib import ExitStack, closing
from pathlib import Path

from domain.errors import Refused
from domain.tags import TagTable
from domain.time import HOUR_NS, parse_time_ns
from historian.influx_sums import InfluxSums
from historian.journal.reader import ReadOnlyJournal
from historian.mirrored import Rendering
from historian.refused import RefusedFile
from historian.view import HistoryView
from service.config.build import load
from service.files import Files
from service.mirror_check import Checked, MirrorCheck
from service.mirroring import LineWriter, bucket_of, line_protocol_of, open_writer

_SHOWN = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with which mirror, and from when to when."""
    what = parser.add_subparsers(required=True, metavar="WHAT", dest="what")
    for name, summary in (
        ("check", "compare counts and sums per tag and hour with the record"),
        ("rebuild", "compare, write again what differs, and compare once more"),
    ):
        verb = what.add_parser(name, help=summary)
        verb.add_argument("--config", type=Path, required=True, metavar="FILE")
        verb.add_argument("--name", required=True, help="of the mirror")
        verb.add_argument("--tag", metavar="NAME", help="this one only")
        verb.add_argument("--start", required=True, metavar="TIME", help="ISO 8601, or integer ns since 1970")
        verb.add_argument("--end", metavar="TIME", help="the first moment left out; else the beginning of this hour")


def run(options: argparse.Namespace) -> int:
    """0 if mirror and record are alike (now); 1 if not."""
    start_ns, end_ns = _times(options)
    configuration = load(options.config)
    mirror = configuration.mirrors.get(options.name)
    if mirror is None:
        raise Refused(f"no mirror is named {options.name!r}")
    files = Files(configuration.data)
    with ExitStack() as stack:
        journal = ReadOnlyJournal(files.journal)
        stack.callback(journal.close)
        history = HistoryView(files.history, journal)
        stack.callback(history.close)
        history.refresh()
        sums = stack.enter_context(closing(InfluxSums(bucket_of(configuration, mirror.influxdb))))
        rendering = Rendering(line_protocol_of(configuration), journal, history)
        rendering.begin()
        tags = TagTable(journal.tags())
        chosen = list(tags) if options.tag is None else [tags.named(options.tag)]
        check = MirrorCheck(configuration.site, rendering, sums)
        checked = check.compare(chosen, start_ns, end_ns)
        if options.what == "rebuild" and checked.differences:
            writer = open_writer(configuration, mirror.influxdb)
            stack.callback(writer.close)
            refused = RefusedFile(files.mirrors / f"{options.name}.refused")
            for clear in (False, True):  # what is missing or changed first; what should not be there needs a removal
                _fill(check, checked, writer, refused, clear=clear)
                checked = check.compare(chosen, start_ns, end_ns)
                if not checked.differences:
                    break
    return _told(checked)


def _fill(check: MirrorCheck, checked: Checked, writer: LineWriter, refused: RefusedFile, *, clear: bool) -> None:
    print(f"{len(checked.differences)} hours of a tag differ: writing them again")
    answer = check.fill(checked.differences, writer.write, clear=clear)
    refused.keep(answer.refused)
    if answer.refused_lines or answer.too_old:
        print(f"{answer.refused_lines} lines refused ({refused.path}), {answer.too_old} beyond retention")


def _told(checked: Checked) -> int:
    for difference in checked.differences[:_SHOWN]:
        print(difference)
    if len(checked.differences) > _SHOWN:
        print(f"… and {len(checked.differences) - _SHOWN} more")
    verdict = f"{len(checked.differences)} differ" if checked.differences else "all alike"
    print(f"{checked.hours} hours of a tag compared, {checked.rows} rows: {verdict}")
    return 1 if checked.differences else 0


def _times(options: argparse.Namespace) -> tuple[int, int]:
    try:
        now_ns = time.time_ns()
        end_ns = parse_time_ns(options.end) if options.end else now_ns // HOUR_NS * HOUR_NS
        return parse_time_ns(options.start), end_ns
    except ValueError as error:
        raise Refused(str(error)) from error
