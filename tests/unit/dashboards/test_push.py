"""Pushing against a server on the loopback that answers as Grafana does."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dashboards.build import folder_uid
from dashboards.push import push_dashboards
from domain.errors import Refused, RetryLater
from service.cli import main

DASHBOARD: dict[str, object] = {"uid": "tw-1", "title": "north · R101", "panels": []}


class Grafana:
    """Folders and dashboards in memory; `broken` answers everything with a status and a body."""

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}
        self.pushed: list[dict[str, object]] = []
        self.broken: tuple[int, str] | None = None
        self.prefix = ""
        grafana = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                grafana.answer(self, {})

            def do_POST(self) -> None:
                grafana.answer(self, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def answer(self, request: BaseHTTPRequestHandler, body: dict[str, object]) -> None:
        code, said = self.broken or self._decide(request, body)
        request.send_response(code)
        request.end_headers()
        request.wfile.write(said.encode())

    def _decide(self, request: BaseHTTPRequestHandler, body: dict[str, object]) -> tuple[int, str]:
        if request.headers["Authorization"] != "Bearer sesame":
            return 401, json.dumps({"message": "Invalid API key"})
        path = request.path.removeprefix(self.prefix)
        if request.command == "GET" and path.startswith("/api/folders/"):
            uid = path.rpartition("/")[2]
            return (200, json.dumps({"uid": uid})) if uid in self.folders else (404, '{"message": "folder not found"}')
        if path == "/api/folders":
            self.folders[str(body["uid"])] = str(body["title"])
            return 200, json.dumps({"uid": body["uid"]})
        assert path == "/api/dashboards/db"
        self.pushed.append(body)
        return 200, json.dumps({"status": "success", "url": f"/d/{body['dashboard']['uid']}/x"})  # type: ignore[index]


@pytest.fixture
def grafana() -> Iterator[Grafana]:
    grafana = Grafana()
    thread = threading.Thread(target=grafana.http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield grafana
    grafana.http.shutdown()
    grafana.http.server_close()
    thread.join(5)


def test_the_folder_is_made_and_the_dashboard_written_over_what_was_there(grafana: Grafana) -> None:
    addresses = push_dashboards(grafana.url, "sesame", "north", [DASHBOARD])

    assert addresses == [f"{grafana.url}/d/tw-1/x"]
    assert grafana.folders == {folder_uid("north"): "Thermowell: north"}
    [body] = grafana.pushed
    assert (body["dashboard"], body["folderUid"], body["overwrite"]) == (DASHBOARD, folder_uid("north"), True)


def test_a_folder_that_is_there_is_used(grafana: Grafana) -> None:
    grafana.folders[folder_uid("north")] = "renamed by somebody"
    push_dashboards(grafana.url, "sesame", "north", [DASHBOARD, DASHBOARD])

    assert grafana.folders == {folder_uid("north"): "renamed by somebody"}
    assert len(grafana.pushed) == 2


def test_grafana_may_live_below_a_path(grafana: Grafana) -> None:
    grafana.prefix = "/grafana"
    push_dashboards(f"{grafana.url}/grafana/", "sesame", "north", [DASHBOARD])

    assert len(grafana.pushed) == 1


def test_a_wrong_token_is_told_with_grafanas_words(grafana: Grafana) -> None:
    with pytest.raises(Refused, match="refuses: 401 Invalid API key"):
        push_dashboards(grafana.url, "open", "north", [DASHBOARD])


def test_a_refused_dashboard_is_named(grafana: Grafana) -> None:
    grafana.folders[folder_uid("north")] = "there"
    decide = grafana._decide
    grafana._decide = lambda request, body: (412, '{"message": "plugin"}') if body else decide(request, body)  # type: ignore[method-assign]

    with pytest.raises(Refused, match="north · R101 refuses: 412 plugin"):
        push_dashboards(grafana.url, "sesame", "north", [DASHBOARD])


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ((500, '{"message": "database is locked"}'), RetryLater, "fails: 500 database is locked"),
        ((503, "<html>wait</html>"), RetryLater, "fails: 503 <html>wait</html>"),
        ((403, '{"message": "no permission"}'), Refused, "refuses: 403 no permission"),
        ((400, '{"message": "bad"}'), Refused, "refuses: 400 bad"),
        ((404, "a page with no message that is JSON"), Refused, "no Grafana"),
        ((200, "<html>log in</html>"), Refused, "no Grafana"),
        ((200, "[]"), Refused, "no Grafana"),
    ],
)
def test_every_other_answer_is_an_error_that_says_what_to_do(
    grafana: Grafana, answer: tuple[int, str], error: type[Exception], words: str
) -> None:
    grafana.broken = answer

    with pytest.raises(error, match=words):
        push_dashboards(grafana.url, "sesame", "north", [DASHBOARD])


def test_nobody_listening_is_to_be_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        with pytest.raises(RetryLater, match="cannot be reached"):
            push_dashboards(f"http://127.0.0.1:{taken.getsockname()[1]}", "sesame", "north", [DASHBOARD])


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(Refused, match="no address"):
        push_dashboards("127.0.0.1:3000", "sesame", "north", [DASHBOARD])


CONFIG = """\
site: north
sources: {train1: {opcua: {url: "opc.tcp://127.0.0.1:4840/"}}}
units: {R101: {source: train1}}
tags: {R101.TT: {source: train1, node: "nsu=urn:x;s=TT", unit: degC}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "thermowell.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", *map(str, words)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_command_writes_a_file_for_each_unit(config: Path, tmp_path: Path) -> None:
    code = run("--config", config, "--output", tmp_path / "out")
    [file] = (tmp_path / "out").iterdir()

    assert (code, json.loads(file.read_text(encoding="utf-8"))["title"]) == (0, "north · R101")


def test_the_command_pushes(config: Path, tmp_path: Path, grafana: Grafana) -> None:
    (tmp_path / "token").write_text("sesame\n", encoding="utf-8")

    assert run("--config", config, "--push", grafana.url, "--token-file", tmp_path / "token") == 0
    assert len(grafana.pushed) == 1


def test_the_command_says_what_went_wrong(config: Path, grafana: Grafana, capsys: pytest.CaptureFixture[str]) -> None:
    code = run("--config", config, "--push", grafana.url)

    assert (code, capsys.readouterr().err) == (2, "thermowell: --push needs --token-file FILE\n")
