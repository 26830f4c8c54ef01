"""`thermowell mirror` writes again what a mirror missed."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from domain.entries import TagDefined
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from historian.journal.writer import SqliteJournal
from service.cli import main, mirror
from service.config.build import load
from service.files import Files
from tests.influx_server import InfluxServer

CONFIG = """\
site: north
sources: {train1: {opcua: {url: "opc.tcp://127.0.0.1:4840/"}}}
units: {R101: {source: train1}}
tags: {R101.TT: {source: train1, node: "nsu=urn:x;s=TT"}, PT: {source: train1, node: "nsu=urn:x;s=PT"}}
mirrors: {plant: {influxdb: {url: "URL", org: site, bucket: plant, token_file: token}}}
"""


@pytest.fixture
def server() -> Iterator[InfluxServer]:
    with InfluxServer() as server:
        yield server


@pytest.fixture
async def config(tmp_path: Path, server: InfluxServer) -> Path:
    """A service that stopped with five samples of one tag and one of another."""
    (tmp_path / "token").write_text("sesame", encoding="utf-8")
    file = tmp_path / "thermowell.yaml"
    file.write_text(CONFIG.replace("URL", server.url), encoding="utf-8")
    files = Files(load(file).data).made()
    tags = [Tag(TagId(id_), f"uuid-{id_}", 1, name, "train1", name) for id_, name in enumerate(("R101.TT", "PT"))]
    batch = SampleBatch(
        "train1",
        1,
        np.array([0, 0, 0, 0, 0, 1], np.uint32),
        np.array([10, 20, 30, 40, 50, 20], np.int64),
        None,
        np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        np.zeros(6, np.uint32),
    )
    with closing(SqliteJournal.open(files.journal, flush_interval_s=0.01)) as journal:
        await journal.append(*(TagDefined(tag, 0) for tag in tags))
        await journal.append(batch)
    return file


def fill(config: Path, *more: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["mirror", "--config", str(config), "--name", "plant", "--start", "15", "--end", "50", *more])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_all_tags_of_that_time_are_written_in_pieces_without_a_seam(
    config: Path, server: InfluxServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mirror, "_ROWS_AT_ONCE", 2)
    code = fill(config)

    assert server.taken == [
        "north,tag=R101.TT,unit=R101 value=2.0,status=0i 20",
        "north,tag=R101.TT,unit=R101 value=3.0,status=0i 30",
        "north,tag=R101.TT,unit=R101 value=4.0,status=0i 40",
        "north,tag=PT value=6.0,status=0i 20",
    ]
    assert (code, capsys.readouterr().out) == (0, "4 points written, 0 refused\n")


def test_one_tag_may_be_named(config: Path, server: InfluxServer) -> None:
    assert fill(config, "--tag", "PT") == 0
    assert server.taken == ["north,tag=PT value=6.0,status=0i 20"]


def test_what_is_refused_is_told(config: Path, server: InfluxServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answer = lambda _: (422, "field type conflict")
    code = fill(config, "--tag", "PT")

    assert code == 1
    assert capsys.readouterr().out == (
        "refused: 422 field type conflict: north,tag=PT value=6.0,status=0i 20\n0 points written, 1 refused\n"
    )


def test_a_mirror_that_is_away_and_one_that_is_not_configured_are_told(
    config: Path, server: InfluxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answer = lambda _: (503, "starting")

    assert (fill(config), fill(config, "--name", "other")) == (2, 2)
    errors = capsys.readouterr().err.splitlines()
    assert errors == [
        f"thermowell: InfluxDB at {server.url} answers 503 starting",
        "thermowell: no mirror is named 'other'",
    ]
