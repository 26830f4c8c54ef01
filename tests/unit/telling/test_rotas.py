"""A rota's calendar comes, changes, breaks and grows old; the last good one stays in force."""

import io
import logging
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from domain.time import DAY_NS, HOUR_NS, SECOND_NS, parse_time_ns
from service.config.build import load
from service.telling.fetching import UrlPlace, _SafeRedirects
from service.telling.kept import Standing
from service.telling.rotas import Duties, rotas_of
from tests.ports import free_port
from tests.unit.telling.test_calendar import NIGHTS, calendar

NOW_NS = parse_time_ns("2026-03-02T22:00:00Z")
DAYS = (
    NIGHTS.replace("nights", "days")
    .replace("20260101T220000", "20260101T060000")
    .replace("20260102T060000", "20260101T220000")
)
WHOLE = calendar(NIGHTS, DAYS)

CONFIG = """
notify: {{mail: {{url: "console://"}}}}
people: {{Ada: {{tell: [mail]}}, Grace: {{tell: [mail]}}}}
rota: {{leads: {{zone: Europe/Berlin, {place}, fallback: Grace, stale: 1h}}}}
"""


def duties(folder: Path, place: str = "calendar: leads.ics") -> Duties:
    file = folder / "plant.yaml"
    file.write_text(CONFIG.format(place=place), encoding="utf-8")
    (rota,) = rotas_of(load(file), folder / "duty")
    found = Duties(rota)
    found.load(NOW_NS)
    return found


def put(folder: Path, text: str) -> None:
    (folder / "leads.ics").write_text(text, encoding="utf-8", newline="")


def figures(found: Duties, now_ns: int) -> dict[str, float]:
    told = found.figures(now_ns)
    return {
        each.name.removeprefix("thermowell_rota_"): float(each.value)
        for each in told
        if isinstance(each.value, int | float)
    }


def test_a_calendar_in_a_file_says_who_is_on_duty(tmp_path: Path) -> None:
    put(tmp_path, WHOLE)
    found = duties(tmp_path)
    found.look(NOW_NS)

    assert found.on_duty(NOW_NS).names == ("Ada",)
    assert figures(found, NOW_NS) == {
        "calendar_age_seconds": 0,
        "calendar_overdue_seconds": 0,
        "calendar_refused": 0,
        "uncovered_seconds": 0,
        "on_duty": 1,
    }


def test_a_calendar_that_breaks_changes_nothing_and_is_told_by_event_and_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, WHOLE)
    found = duties(tmp_path)
    found.look(NOW_NS)
    put(tmp_path, WHOLE.replace("SUMMARY:Ada", "SUMMARY:Adda", 1))
    with caplog.at_level(logging.WARNING):
        for second in range(10, 40, 10):
            found.look(NOW_NS + second * SECOND_NS)

    assert found.on_duty(NOW_NS).names == ("Ada",)
    assert "line 4: event 'Adda' (nights)" in found.standing.problem
    assert len([record for record in caplog.records if "Adda" in record.getMessage()]) == 1
    assert figures(found, NOW_NS)["calendar_refused"] == 1

    put(tmp_path, calendar(NIGHTS.replace("Ada", "Grace")))
    found.look(NOW_NS + 60 * SECOND_NS)
    assert (found.on_duty(NOW_NS).names, found.standing.problem) == (("Grace",), "")


def test_a_calendar_that_is_gone_grows_old_and_then_is_overdue(tmp_path: Path) -> None:
    put(tmp_path, WHOLE)
    found = duties(tmp_path)
    found.look(NOW_NS)
    (tmp_path / "leads.ics").unlink()
    later_ns = NOW_NS + 2 * HOUR_NS
    found.look(later_ns)

    assert found.on_duty(later_ns).names == ("Ada",)
    assert "No such file" in found.standing.problem
    assert figures(found, later_ns)["calendar_overdue_seconds"] == 3600


def test_the_last_good_calendar_is_there_after_a_restart_although_its_file_is_broken(tmp_path: Path) -> None:
    put(tmp_path, WHOLE)
    duties(tmp_path).look(NOW_NS)
    put(tmp_path, "nothing")
    found = duties(tmp_path)
    found.look(NOW_NS + 10 * SECOND_NS)

    assert found.on_duty(NOW_NS).names == ("Ada",)
    assert found.standing.problem


def test_without_any_calendar_the_fallback_is_told_and_all_time_is_open(tmp_path: Path) -> None:
    found = duties(tmp_path)
    found.look(NOW_NS)
    told = figures(found, NOW_NS)

    assert (found.on_duty(NOW_NS).names, found.on_duty(NOW_NS).is_fallback) == (("Grace",), True)
    assert (told["uncovered_seconds"], told["on_duty"]) == (14 * 86_400, 0)
    assert told["calendar_overdue_seconds"] > 0


def test_a_rota_that_nobody_looks_at_for_weeks_still_knows_the_days_to_come(tmp_path: Path) -> None:
    put(tmp_path, WHOLE)
    found = duties(tmp_path)
    found.look(NOW_NS)
    later_ns = NOW_NS + 40 * DAY_NS
    found.look(later_ns)  # the file is as it was: it is only expanded again
    found.look(later_ns + SECOND_NS)

    assert not found.on_duty(later_ns).is_fallback
    assert figures(found, later_ns)["uncovered_seconds"] == 0


def test_a_damaged_note_about_a_calendar_is_as_none(tmp_path: Path) -> None:
    put(tmp_path, WHOLE)
    duties(tmp_path).look(NOW_NS)
    (tmp_path / "duty" / "leads.json").write_text("{half", encoding="utf-8")
    found = duties(tmp_path)
    found.look(NOW_NS)

    assert found.on_duty(NOW_NS).names == ("Ada",)
    assert found.standing.good_ns == NOW_NS


# By HTTP


class Server:
    """Gives a calendar; notes what it was asked with."""

    def __init__(self) -> None:
        self.body: bytes = WHOLE.encode()
        self.status = 200
        self.conditions: list[str | None] = []
        self.redirect = ""


@contextmanager
def serving(server: Server, port: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            condition = self.headers["If-None-Match"]
            server.conditions.append(condition)
            etag = f'"{hash(server.body)}"'
            status = 304 if condition == etag else server.status
            self.send_response(status)
            if server.redirect:
                self.send_header("Location", server.redirect)
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(server.body) if status == 200 else 0))
            self.end_headers()
            if status == 200:
                self.wfile.write(server.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/secret-4711/leads.ics"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def test_a_server_is_asked_whether_its_calendar_is_another(tmp_path: Path) -> None:
    server = Server()
    with serving(server, free_port()) as url:
        found = duties(tmp_path, f'url: "{url}", every: 1s')
        for second in (0, 2, 4):
            found.look(NOW_NS + second * SECOND_NS)
        server.body = calendar(NIGHTS.replace("Ada", "Grace")).encode()
        found.look(NOW_NS + 6 * SECOND_NS)

    assert server.conditions[0] is None
    assert None not in server.conditions[1:]
    assert found.on_duty(NOW_NS).names == ("Grace",)
    assert found.standing.good_ns == NOW_NS + 6 * SECOND_NS


@pytest.mark.parametrize("status", [500, 404, 401])
def test_a_server_that_fails_leaves_the_calendar_of_before_and_its_address_stays_secret(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    server = Server()
    with serving(server, free_port()) as url:
        found = duties(tmp_path, f'url: "{url}", every: 1s')
        found.look(NOW_NS)
        server.status, server.body = status, b"x"
        found.look(NOW_NS + 2 * SECOND_NS)
    found.look(NOW_NS + 4 * SECOND_NS)  # nobody listens any more

    assert found.on_duty(NOW_NS).names == ("Ada",)
    assert found.standing.problem.startswith("no answer")
    assert str(status) in caplog.text
    assert "secret-4711" not in caplog.text + found.standing.problem


def test_a_calendar_that_is_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    server = Server()
    with serving(server, free_port()) as url:
        found = duties(tmp_path, f'url: "{url}", every: 1s')
        server.body = b"x" * 1_200_000
        found.look(NOW_NS)
        assert "more than 1,000,000 bytes" in found.standing.problem
        server.body = b"BEGIN:VCALENDAR \xff"
        found.look(NOW_NS + 2 * SECOND_NS)

    assert "UTF-8" in found.standing.problem


def test_a_server_that_leads_to_a_file_is_not_followed(tmp_path: Path) -> None:
    server = Server()
    server.status, server.redirect = 302, f"file://{tmp_path}/plant.yaml"
    with serving(server, free_port()) as url:
        found = duties(tmp_path, f'url: "{url}", every: 1s')
        found.look(NOW_NS)

    assert "302" in found.standing.problem


def test_a_server_that_leads_to_the_secrets_of_the_machine_is_not_followed(tmp_path: Path) -> None:
    server = Server()
    server.status, server.redirect = 302, "http://169.254.169.254/latest/meta-data/"
    with serving(server, free_port()) as url:
        found = duties(tmp_path, f'url: "{url}", every: 1s')
        found.look(NOW_NS)

    assert "302" in found.standing.problem


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "[fe80::1]"])
def test_a_server_elsewhere_leads_nobody_to_this_machine(host: str) -> None:
    asked = urllib.request.Request("http://192.0.2.1/leads.ics")

    assert _SafeRedirects().redirect_request(asked, io.BytesIO(), 302, "", HTTPMessage(), f"http://{host}/") is None


def test_an_address_is_never_shown() -> None:
    assert "secret" not in repr(UrlPlace("https://host/secret"))
    assert Standing().problem == ""
