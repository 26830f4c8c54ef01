"""A stopped service's data folder with every kind of row, for tests of what is compared with it."""

from contextlib import closing
from pathlib import Path

import numpy as np

from domain import status
from domain.entries import TagDefined, TextBatch
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from domain.time import HOUR_NS, SECOND_NS
from historian.journal.writer import SqliteJournal
from service.config.build import load
from service.files import Files

START_NS = 1_760_000_400 * SECOND_NS // HOUR_NS * HOUR_NS
END_NS = START_NS + 5 * HOUR_NS
NAMES = ("R101.TT", "odd, na=me\\", "R101.XV", "R101.COUNT", "R101.STEP")
KINDS = ("number", "number", "boolean", "number", "text")

CONFIG = """\
site: north
sources: {train1: {opcua: {url: "opc.tcp://127.0.0.1:4840/"}}}
units: {R101: {source: train1}}
tags:
  R101.TT: {source: train1, node: "nsu=urn:x;s=TT"}
  "odd, na=me\\\\": {source: train1, node: "nsu=urn:x;s=odd"}
  R101.XV: {source: train1, node: "nsu=urn:x;s=XV", kind: boolean}
  R101.COUNT: {source: train1, node: "nsu=urn:x;s=COUNT"}
  R101.STEP: {source: train1, node: "nsu=urn:x;s=STEP", kind: text}
mirrors: {plant: {influxdb: {url: "URL", org: "ORG", bucket: "BUCKET", token_file: token}}}
"""


def samples(tag: int, times: list[int], values: list[float], codes: list[int] | None = None) -> SampleBatch:
    count = len(times)
    return SampleBatch(
        "train1",
        times[-1],
        np.full(count, tag, np.uint32),
        np.array(times, np.int64),
        None,
        np.array(values, np.float64),
        np.array(codes or [0] * count, np.uint32),
    )


def texts(tag: int, times: list[int], values: list[str | None]) -> TextBatch:
    count = len(times)
    return TextBatch("train1", times[-1], (tag,) * count, tuple(times), None, tuple(values), (0,) * count)


def everything() -> list[SampleBatch | TextBatch]:
    """Five hours of every kind of row: late, corrected, repeated, without a value, beyond 2^53, in several versions."""
    times = [START_NS + minute * 60 * SECOND_NS for minute in range(300)]
    wave = (50 + 10 * np.sin(np.arange(300) / 17)).tolist()
    return [
        samples(0, times[:200], wave[:200]),
        samples(0, times[201:], wave[201:]),
        samples(0, [times[200]], [wave[200]]),  # late
        samples(0, [times[7]], [99.0]),  # corrected
        samples(0, [times[7]], [wave[7]]),  # came again
        samples(0, [times[7]], [float("nan")], [status.BAD]),  # a third version
        samples(0, [times[299] + 1], [float("nan")], [status.BAD_NO_DATA]),
        samples(1, times, [value * 1e300 for value in wave]),
        samples(2, times[:100], [float(row % 2) for row in range(100)]),
        samples(3, times[:2], [2.0**53, -0.0]),
        texts(3, times[2:4], [str(2**53 + 1), str(2**64 - 1)]),
        texts(4, times[:3], ["heat", 'say "no\nmore\\', None]),
        texts(4, [times[1], times[0]], ["hold", "heat"]),  # a correction, and one that came again
    ]


async def make_site(folder: Path, url: str, org: str = "site", bucket: str = "plant", token: str = "sesame") -> Path:
    """The configuration's file, beside a data folder with `everything`."""
    (folder / "token").write_text(token, encoding="utf-8")
    file = folder / "thermowell.yaml"
    file.write_text(CONFIG.replace("URL", url).replace("ORG", org).replace("BUCKET", bucket), encoding="utf-8")
    files = Files(load(file).data).made()
    tags = [
        Tag(TagId(id_), f"uuid-{id_}", 1, name, "train1", name, kind=kind)
        for id_, (name, kind) in enumerate(zip(NAMES, KINDS, strict=True))
    ]
    with closing(SqliteJournal.open(files.journal, flush_interval_s=0.01)) as journal:
        await journal.append(*(TagDefined(tag, 0) for tag in tags))
        for batch in everything():
            await journal.append(batch)
    return file
