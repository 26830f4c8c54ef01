"""Fill a hole of a mirror from the record: write again what a mirror missed, also beside the running service."""

import argparse
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from domain.errors import Refused
from domain.ports import HistoryReader
from domain.samples import SampleBatch
from domain.tags import Tag, TagTable
from domain.time import parse_time_ns
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from service.config.build import load
from service.files import Files
from service.mirroring import line_protocol_of, open_writer

_ROWS_AT_ONCE = 50_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which mirror, and from when to when."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--name", required=True, help="of the mirror")
    parser.add_argument("--tag", metavar="NAME", help="this one only")
    parser.add_argument("--start", required=True, metavar="TIME", help="ISO 8601, or integer ns since 1970")
    parser.add_argument("--end", required=True, metavar="TIME", help="the first moment left out")


def run(options: argparse.Namespace) -> int:
    """Write tag by tag, the newest version of each sample; tell of what was refused."""
    try:
        start_ns, end_ns = parse_time_ns(options.start), parse_time_ns(options.end)
    except ValueError as error:
        raise Refused(str(error)) from error
    configuration = load(options.config)
    mirror = configuration.mirrors.get(options.name)
    if mirror is None:
        raise Refused(f"no mirror is named {options.name!r}")
    files = Files(configuration.data)
    with (
        closing(ReadOnlyJournal(files.journal)) as journal,
        closing(HistoryView(files.history, journal)) as history,
        closing(open_writer(configuration, mirror.influxdb)) as writer,
    ):
        history.refresh()
        tags = TagTable(journal.tags())
        protocol = line_protocol_of(configuration)
        written = refused = 0
        for tag in tags if options.tag is None else [tags.named(options.tag)]:
            protocol.define(tag)
            for batch in _batches(history, tag, start_ns, end_ns):
                lines = protocol.render(batch).lines
                refusals = writer.write(lines)
                for refusal in refusals:
                    print(f"refused: {refusal}")
                refused_here = sum(len(refusal.lines) for refusal in refusals)
                written, refused = written + len(lines) - refused_here, refused + refused_here
    print(f"{written} points written, {refused} refused")
    return 1 if refused else 0


def _batches(history: HistoryReader, tag: Tag, start_ns: int, end_ns: int) -> Iterator[SampleBatch]:
    """A tag's samples in time order, a bounded number at once."""
    after_ns: int | None = start_ns
    while after_ns is not None:
        rows = history.read(tag.id, after_ns, end_ns, limit=_ROWS_AT_ONCE)
        tags = np.full(len(rows), tag.id, np.uint32)
        yield SampleBatch(tag.source, 0, tags, rows.time_ns, None, rows.value, rows.status)
        after_ns = rows.cut
