"""What the doctor says of the machine, of what is kept, and of checks that fail or hang."""

import contextlib
import math
import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import orjson
import pytest

from collector.mqtt.looking import BrokerSeen
from collector.opcua.looking import CertificateSeen, ServerSeen
from domain.errors import RetryLater
from historian.journal import SqliteJournal
from historian.journal.usage import Usage
from service.config.build import load
from service.doctor import keeping, machine, plant
from service.doctor.row import State, ok
from service.doctor.running import Check, examine
from service.files import Files
from service.gauges import as_json
from tests.certificates import make

MINIMAL = """\
site: north
sources:
  floor: {mqtt: {url: "mqtt://127.0.0.1:1", topics: [plant/#], user: us, password_file: secret}}
tags:
  T7: {source: floor, topic: plant/t7}
"""


@pytest.fixture
def configuration(tmp_path):
    (tmp_path / "secret").write_text("s3cret")
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "thermowell.yaml").write_text(MINIMAL)
    return load(tmp_path / "thermowell.yaml")


def states(rows):
    return {row.check: row.state for row in rows}


def test_a_check_that_fails_or_hangs_stops_no_other(configuration):
    never = threading.Event()

    def fails(_):
        raise ZeroDivisionError("one by nought")

    def is_away(_):
        raise RetryLater("nobody there")

    def hangs(_):
        never.wait()
        return []

    checks = [
        Check("hangs", hangs),
        Check("fails", fails),
        Check("away", is_away),
        Check("well", lambda _: [ok("well", "it is")]),
    ]
    rows = examine(configuration, checks, within_s=1.0)
    never.set()

    assert states(rows) == {
        "hangs": State.NOT_CHECKED,
        "fails": State.NOT_CHECKED,
        "away": State.WRONG,
        "well": State.OK,
    }


def test_a_full_disk_is_wrong(configuration, monkeypatch):
    full = shutil._ntuple_diskusage(10**12, 10**12 - 10**6, 10**6)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: full)

    assert states(machine.disk(configuration))["disk space"] is State.WRONG


def test_a_disk_is_measured_by_durable_writes(configuration):
    found = {row.check: row for row in machine.disk(configuration)}

    assert "a durable write takes" in found["disk speed"].seen
    assert not list(configuration.data.parent.glob(".doctor-*"))


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/srv/data", "ext4"), ("/srv/share/data", "nfs4"), ("/srv/with space/x", "xfs"), ("/elsewhere", "overlay")],
)
def test_the_kind_of_file_system_is_that_of_the_nearest_mount(tmp_path, folder, kind):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 0:1 / / rw - overlay overlay rw\n"
        "2 1 8:1 / /srv rw,noatime shared:1 - ext4 /dev/sda1 rw\n"
        "3 2 0:9 / /srv/share rw - nfs4 host:/x rw\n"
        "4 2 0:9 / /srv/with\\040space rw - xfs /dev/sdb rw\n"
    )

    assert machine.file_system_of(machine.Path(folder), mounts) == kind


def test_a_secret_that_others_may_read_is_wrong(configuration):
    (configuration.file.parent / "secret").chmod(0o644)

    (row,) = keeping.secrets(configuration)

    assert (row.state, "chmod 600" in row.advice, "s3cret" in str(row)) == (State.WRONG, True, False)


def test_a_secret_of_our_own_is_ok_and_one_that_is_missing_is_wrong(configuration):
    before = states(keeping.secrets(configuration))
    (configuration.file.parent / "secret").unlink()

    assert [*before.values(), *states(keeping.secrets(configuration)).values()] == [State.OK, State.WRONG]


@pytest.mark.parametrize(("days", "state"), [(-1, State.WRONG), (3, State.WRONG), (30, State.LOOK), (400, State.OK)])
def test_a_certificate_is_judged_by_its_days_left(days, state):
    now = datetime.now(UTC)
    seen = CertificateSeen("CN=server", now - timedelta(days=500), now + timedelta(days=days, hours=1))

    assert keeping.days_left("certificate", seen).state is state


def test_an_old_backup_and_none_at_all_are_to_be_looked_at(configuration):
    (none,) = keeping.backup(configuration)
    configuration.data.mkdir()
    told = {"moment_ns": time.time_ns() - 8 * 86_400 * 10**9, "folder": "/b", "bytes": 1}
    (configuration.data / "backup.json").write_bytes(orjson.dumps(told))
    (old,) = keeping.backup(configuration)
    (configuration.data / "backup.json").write_bytes(orjson.dumps({**told, "moment_ns": time.time_ns()}))
    (fresh,) = keeping.backup(configuration)

    assert [none.state, old.state, fresh.state] == [State.LOOK, State.LOOK, State.OK]


def test_looking_at_a_database_makes_none(configuration):
    (row,) = keeping.database(configuration)

    assert (row.state, configuration.data.exists()) == (State.LOOK, False)


@pytest.mark.parametrize(
    ("hours", "state"), [(3.0, State.WRONG), (30.0, State.LOOK), (300.0, State.OK), (None, State.OK)]
)
def test_the_journals_hours_are_read_from_what_the_core_reports(configuration, monkeypatch, hours, state):
    usage = Usage(10**9, None, 10**8, math.inf if hours is None else hours)
    monkeypatch.setattr(SqliteJournal, "usage", lambda _: usage)
    run = Files(configuration.data).run
    run.mkdir(parents=True)
    with contextlib.closing(SqliteJournal.open(run.parent / "journal.db")) as journal:
        figures = list(journal.figures())
    (run / "core.json").write_bytes(orjson.dumps({"wall_ns": time.time_ns(), "figures": as_json(figures)}))

    assert states(machine.journal(configuration))["journal"] is state


def test_a_broker_that_drops_refuses_or_forgets_is_told():
    section = load_section()
    short = BrokerSeen(expiry_s=60, most_qos=0, refused=("plant/#: Not authorized",), dropped=7)

    rows = [
        *plant._session("b", short, section),
        *plant._queue("b", short, section),
        plant._topics("b topics", short, ["plant/#"], 0),
    ]

    assert [row.state for row in rows] == [State.WRONG, State.WRONG, State.LOOK, State.WRONG]


def test_a_server_with_fewer_items_than_tags_is_wrong_and_a_wrong_clock_too():
    seen = ServerSeen(90 * 10**9, {"MaxMonitoredItems": 10}, 500.0, 5000.0, 3.6e6)

    assert plant._limits("s", seen, 11).state is State.WRONG
    assert plant._limits("s", seen, 10).state is State.OK
    assert plant._skew("s", seen).state is State.WRONG


def load_section():
    from service.config.shape.sources import Mqtt

    return Mqtt(url="mqtt://127.0.0.1", topics=["plant/#"])


class _Influx(BaseHTTPRequestHandler):
    """Answers a write by its token as InfluxDB 2.7 does, and shows its bucket to the one that may see it."""

    answers: ClassVar = {
        "Token good": (400, "invalid"),
        "Token reads": (403, "forbidden"),
        "Token none": (401, "unauthorized"),
        "Token elsewhere": (404, 'organization name "site" not found'),
    }
    asked: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        self.asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"] or 0))))
        code, word = self.answers[self.headers["Authorization"]]
        self._say(code, {"code": word, "message": word})

    def do_GET(self) -> None:
        if self.path.startswith("/api/v2/orgs"):
            self._say(200, {"orgs": [{"id": "1", "name": "site"}]})
        elif self.path.startswith("/api/v2/buckets"):
            rules = [{"type": "expire", "everySeconds": 86_400}]
            self._say(200, {"buckets": [{"id": "2", "orgID": "1", "name": "plant", "retentionRules": rules}]})
        else:
            self._say(204, None)

    def _say(self, code: int, told: object) -> None:
        body = b"" if told is None else orjson.dumps(told)
        self.send_response(code)
        self.send_header("X-Influxdb-Version", "v2.7.12")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("token", "retention", "state", "word"),
    [
        ("good", "1d", State.OK, "may write"),
        ("good", "30d", State.LOOK, "keeps points 1.0 days"),
        ("reads", "1d", State.WRONG, "may not"),
        ("none", "1d", State.WRONG, "not known"),
        ("elsewhere", "1d", State.WRONG, 'organization name "site" not found'),
    ],
)
def test_a_mirror_is_asked_whether_the_token_may_write_and_nothing_is_written(tmp_path, token, retention, state, word):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Influx)
    serving = threading.Thread(target=server.serve_forever, args=(0.02,))
    serving.start()
    try:
        (tmp_path / "token").write_text(token)
        (tmp_path / "thermowell.yaml").write_text(
            f'mirrors: {{plant: {{influxdb: {{url: "http://127.0.0.1:{server.server_port}", org: site, bucket: plant, '
            f"token_file: token, retention: {retention}}}}}}}\n"
        )
        (row,) = keeping.mirrors(load(tmp_path / "thermowell.yaml"))
    finally:
        server.shutdown()
        serving.join()
        server.server_close()

    assert (row.state, word in row.seen) == (state, True), row
    assert ("`org` has to name it" in row.advice) == (token == "elsewhere")
    assert [body for _, body in _Influx.asked if body] == []


@pytest.mark.parametrize(("begin", "state"), [(-85, State.LOOK), (-100, State.WRONG)])  # of 90 days
def test_the_certificate_of_the_page_and_its_key_are_looked_at(tmp_path, begin, state):
    make(tmp_path, begin=begin)
    config = tmp_path / "thermowell.yaml"
    config.write_text("site: north\nhttp:\n  tls:\n    certificate_file: plant.pem\n    key_file: plant.key\n")
    configuration = load(config)

    assert states(keeping.certificates(configuration)) == {"certificate of the page": state}
    assert states(keeping.secrets(configuration)) == {"secret http.tls.key_file": State.OK}
