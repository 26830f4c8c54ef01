"""The whole service with a mirror: what the record has is in the mirror too, through an outage and a kill -9."""

import re
import urllib.request
from pathlib import Path

from domain.tags import TagTable
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from tests.acceptance.service.running import python_process, service, until
from tests.influx_server import TAKEN, InfluxServer
from tests.patience import LIMIT_S
from tests.ports import free_port

LATEST_NS = 2**62
POINT = re.compile(r"counters,tag=(C\d),unit=R1 value=([\d.]+),status=0i (\d+)")


def configuration(folder: Path, opcua_port: int, http_port: int, influx: str) -> Path:
    (folder / "token").write_text("sesame", encoding="utf-8")
    file = folder / "thermowell.yaml"
    file.write_text(
        f"""\
site: counters
http: {{listen: 127.0.0.1:{http_port}}}
sources: {{opc: {{opcua: {{url: "opc.tcp://127.0.0.1:{opcua_port}/", publishing_interval: 200ms}}}}}}
units: {{R1: {{source: opc, parameters: {{A: C0, B: C1}}}}}}
tags:
  C0: {{source: opc, node: "nsu=urn:example:counters;s=C0"}}
  C1: {{source: opc, node: "nsu=urn:example:counters;s=C1"}}
mirrors: {{plant: {{influxdb: {{url: "{influx}", org: site, bucket: plant, token_file: token}}}}}}
""",
        encoding="utf-8",
    )
    return file


def in_the_record(folder: Path) -> set[tuple[str, float, int]]:
    journal = ReadOnlyJournal(folder / "data" / "journal.db")
    history = HistoryView(folder / "data" / "history", journal)
    history.refresh()
    points = set()
    for tag in TagTable(journal.tags()):
        rows = history.read(tag.id, 0, LATEST_NS)
        points |= {(tag.name, value, at) for value, at in zip(rows.value.tolist(), rows.time_ns.tolist(), strict=True)}
    return points


def mirrored(server: InfluxServer) -> set[tuple[str, float, int]]:
    found = [POINT.fullmatch(line) for line in list(server.taken)]
    assert all(found)
    return {(point[1], float(point[2]), int(point[3])) for point in found if point}


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT_S) as answer:
        return answer.read().decode()


def test_an_outage_and_a_kill_leave_no_hole_in_the_mirror(tmp_path: Path) -> None:
    opcua_port, http_port = free_port(), free_port()
    with (
        InfluxServer() as server,
        python_process("tests.acceptance.service.counter_server", str(opcua_port), "2", str(tmp_path / "truth")),
    ):
        server.answer = lambda _: (503, "starting")
        config = configuration(tmp_path, opcua_port, http_port, server.url)
        with service(config, http_port) as running:
            running.start()
            until(lambda: len(server.bodies) > 1)
            until(running.ready)
            until(lambda: 'thermowell_mirror_failing{mirror="plant"} 1.0' in metrics(http_port))
            server.answer = lambda _: TAKEN
            until(lambda: len(mirrored(server)) > 10)
            running.kill()
            before_the_kill = len(mirrored(server))
            running.start()
            until(lambda: len(mirrored(server)) > before_the_kill + 20)
            until(running.ready)
            until(lambda: 'thermowell_mirror_failing{mirror="plant"} 0.0' in metrics(http_port))
            missed = 'thermowell_mirror_entries_missed_total{mirror="plant"} 0.0' in metrics(http_port)
            code = running.stop()

    there, record = mirrored(server), in_the_record(tmp_path)
    newest_ns = max(at for _, _, at in there)
    assert (code, missed) == (0, True)
    assert there == {point for point in record if point[2] <= newest_ns}
