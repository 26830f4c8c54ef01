"""Pushing against a server on the loopback that holds each request against Grafana's documented HTTP API."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards import push
from dashboards.push import push_dashboards
from dashboards.uids import folder_uid
from domain.errors import Refused, RetryLater
from service.cli import main
from service.config.build import load
from service.web import elsewhere
from tests.unit.dashboards.loopback_grafana import TOKEN, Answer, LoopbackGrafana, running

DASHBOARD: dict[str, object] = {"uid": "tw-1", "title": "north · R101", "panels": []}
OTHER: dict[str, object] = {"uid": "tw-2", "title": "north · Plant", "panels": []}
RECORD = ["thermowell-record"]
FOLDER = folder_uid("north")


@pytest.fixture
def grafana() -> Iterator[LoopbackGrafana]:
    with running() as grafana:
        yield grafana


def pushed(grafana: LoopbackGrafana, *dashboards: dict[str, object], sources: list[str] = RECORD) -> list[str]:
    return push_dashboards(grafana.url + grafana.prefix, TOKEN, "north", dashboards or (DASHBOARD,), sources)


def test_the_folder_is_made_and_the_dashboards_are_written_into_it(grafana: LoopbackGrafana) -> None:
    addresses = pushed(grafana, DASHBOARD, OTHER)

    assert addresses == [f"{grafana.url}/d/tw-1/x", f"{grafana.url}/d/tw-2/x"]
    assert grafana.folders == {FOLDER: {"uid": FOLDER, "title": "Thermowell: north"}}
    assert {one["meta"]["folderUid"] for one in grafana.dashboards.values()} == {FOLDER}  # type: ignore[index]


def test_a_second_push_of_the_same_writes_nothing(grafana: LoopbackGrafana) -> None:
    pushed(grafana, DASHBOARD, OTHER)
    grafana.asked.clear()

    assert pushed(grafana, DASHBOARD, OTHER) == []
    assert all(request.startswith("GET ") for request in grafana.asked)


def test_what_differs_is_written_over_what_was_pushed_before(grafana: LoopbackGrafana) -> None:
    pushed(grafana, DASHBOARD, OTHER)
    changed = {**DASHBOARD, "title": "north · R101, renamed"}

    assert pushed(grafana, changed, OTHER) == [f"{grafana.url}/d/tw-1/x"]
    assert grafana.dashboards["tw-1"]["dashboard"]["title"] == changed["title"]  # type: ignore[index]
    assert grafana.dashboards["tw-2"]["dashboard"]["version"] == 1  # type: ignore[index]


def test_one_that_somebody_moved_or_edited_is_put_back(grafana: LoopbackGrafana) -> None:
    pushed(grafana, DASHBOARD, OTHER)
    grafana.dashboards["tw-1"]["meta"]["folderUid"] = "elsewhere"  # type: ignore[index]
    grafana.dashboards["tw-2"]["dashboard"]["panels"] = [{"id": 1}]  # type: ignore[index]

    assert len(pushed(grafana, DASHBOARD, OTHER)) == 2


def test_a_folder_that_is_there_keeps_the_name_that_somebody_gave_it(grafana: LoopbackGrafana) -> None:
    grafana.folders[FOLDER] = {"uid": FOLDER, "title": "renamed by somebody"}
    pushed(grafana)

    assert grafana.folders[FOLDER]["title"] == "renamed by somebody"


def test_what_comes_from_files_is_refused_by_name_and_nothing_is_written(grafana: LoopbackGrafana) -> None:
    grafana.provision(OTHER)

    with pytest.raises(Refused, match=r"north · Plant is provisioned from files \(tw-2.json\): .*dashboards write"):
        pushed(grafana, DASHBOARD, OTHER)
    assert (grafana.folders, set(grafana.dashboards)) == ({}, {"tw-2"})


def test_a_data_source_that_is_not_there_is_named_and_nothing_is_written(grafana: LoopbackGrafana) -> None:
    with pytest.raises(Refused, match="no data source with the uid 'thermowell-mirror'"):
        pushed(grafana, sources=[*RECORD, "thermowell-mirror"])
    assert grafana.dashboards == {}


def test_a_token_that_may_not_look_at_data_sources_may_push(grafana: LoopbackGrafana) -> None:
    grafana.broken["GET", "/api/datasources/uid/thermowell-record"] = (403, {"message": "no permission"})

    assert len(pushed(grafana)) == 1


def test_grafana_may_live_below_a_path(grafana: LoopbackGrafana) -> None:
    grafana.prefix = "/grafana"

    assert len(pushed(grafana)) == 1


def test_a_wrong_token_is_told_with_grafanas_words_and_is_not_repeated(grafana: LoopbackGrafana) -> None:
    with pytest.raises(Refused, match="refuses: 401 Invalid API key") as error:
        push_dashboards(grafana.url, "of-nobody", "north", [DASHBOARD], RECORD)
    assert "of-nobody" not in str(error.value)


@pytest.mark.parametrize(
    ("request_", "answer", "error", "words"),
    [
        (("POST", "/api/dashboards/db"), (412, {"message": "plugin"}), Refused, "north · R101 refuses: 412 plugin"),
        (("POST", "/api/dashboards/db"), (403, {"message": "no permission"}), Refused, "north · R101 refuses: 403 no permission"),
        (("POST", "/api/dashboards/db"), (500, {"message": "database is locked"}), RetryLater, "fails: 500 database is locked"),
        (("POST", "/api/folders"), (400, {"message": "bad"}), Refused, "refuses: 400 bad"),
        (("GET", "/api/dashboards/uid/tw-1"), (503, "<html>wait</html>"), RetryLater, "north · R101 fails: 503 <html>wait</html>"),
        (("GET", "/api/dashboards/uid/tw-1"), (200, "<html>log in</html>"), Refused, "no Grafana"),
        (("GET", f"/api/folders/{FOLDER}"), (404, "a page with no message that is JSON"), Refused, "no Grafana"),
        (("GET", f"/api/folders/{FOLDER}"), (200, "[]"), Refused, "no Grafana"),
    ],
)  # fmt: skip
def test_every_other_answer_is_an_error_that_says_what_to_do(
    grafana: LoopbackGrafana, request_: tuple[str, str], answer: Answer, error: type[Exception], words: str
) -> None:
    grafana.broken[request_] = answer

    with pytest.raises(error, match=words):
        pushed(grafana)


def test_a_grafana_that_does_not_answer_is_to_be_tried_again(
    grafana: LoopbackGrafana, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "_TIMEOUT_S", 0.2)
    grafana.slow.clear()

    with pytest.raises(RetryLater, match="cannot be reached"):
        pushed(grafana)


def test_nobody_listening_is_to_be_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        with pytest.raises(RetryLater, match="cannot be reached"):
            push_dashboards(f"http://127.0.0.1:{taken.getsockname()[1]}", TOKEN, "north", [DASHBOARD], [])


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(Refused, match="no address"):
        push_dashboards("127.0.0.1:3000", TOKEN, "north", [DASHBOARD], [])


# The command

CONFIG = """\
site: north
http: {listen: "0.0.0.0:8087"}
sources: {train1: {opcua: {url: "opc.tcp://127.0.0.1:4840/"}}}
units: {R101: {source: train1}}
tags: {R101.TT: {source: train1, node: "nsu=urn:x;s=TT", unit: degC}}
mirrors:
  copy: {influxdb: {url: "http://influx:8086", org: o, bucket: plant, token_file: token}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "thermowell.yaml"
    file.write_text(CONFIG, encoding="utf-8")
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    return file


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["dashboards", *map(str, words)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def read_yaml(file: Path) -> dict[str, object]:
    """JSON below a comment."""
    return json.loads("".join(line for line in file.read_text(encoding="utf-8").splitlines(True) if line[0] != "#"))  # type: ignore[no-any-return]


def test_write_makes_a_provisioning_folder(config: Path, tmp_path: Path) -> None:
    code = run("write", tmp_path / "out", "--config", config, "--prometheus", "http://prometheus:9090")
    [provider] = read_yaml(tmp_path / "out/dashboards/thermowell.yaml")["providers"]  # type: ignore[misc]
    sources = read_yaml(tmp_path / "out/datasources/thermowell.yaml")["datasources"]
    titles = {
        json.loads(file.read_text(encoding="utf-8"))["title"] for file in (tmp_path / "out/dashboards").glob("*.json")
    }

    assert (code, len(titles)) == (0, 8)
    assert provider["options"]["path"] == "/etc/grafana/provisioning/dashboards"
    assert provider["allowUiUpdates"] is False
    assert [(one["uid"], one["url"]) for one in sources] == [  # type: ignore[attr-defined]
        ("thermowell-record", "http://127.0.0.1:8087/influx"),
        ("thermowell-mirror", "http://influx:8086"),
        ("thermowell-prometheus", "http://prometheus:9090"),
    ]
    assert sources[1]["jsonData"]["dbName"] == "plant"  # type: ignore[index]


def test_the_token_of_the_mirror_stands_in_no_file_that_is_written(config: Path, tmp_path: Path) -> None:
    run("write", tmp_path / "out", "--config", config)
    written = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "out").rglob("*.*"))

    assert TOKEN not in written
    assert f"Token $__file{{{tmp_path / 'token'}}}" in written


def test_writing_again_takes_away_what_is_no_dashboard_any_more(config: Path, tmp_path: Path) -> None:
    run("write", tmp_path / "out", "--config", config)
    (tmp_path / "out/dashboards/mine.json").write_text("{}", encoding="utf-8")
    config.write_text(CONFIG.replace("R101", "R102"), encoding="utf-8")
    before = set((tmp_path / "out/dashboards").glob("tw-*.json"))
    run("write", tmp_path / "out", "--config", config)
    after = set((tmp_path / "out/dashboards").glob("tw-*.json"))

    assert (len(before), len(after), len(before & after)) == (8, 8, 7)
    assert (tmp_path / "out/dashboards/mine.json").exists()


def test_a_folder_that_cannot_be_written_is_told(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")

    assert run("write", tmp_path / "out", "--config", config) == 2
    assert "cannot write" in capsys.readouterr().err


def test_push_pushes_once(config: Path, grafana: LoopbackGrafana, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("push", grafana.url, "--config", config, "--token-file", config.parent / "token")

    assert (run(*words), run(*words)) == (0, 0)
    assert len(grafana.dashboards) == 8
    told = capsys.readouterr().out
    assert "8 of 8 dashboards were pushed" in told
    assert "0 of 8 dashboards were pushed" in told


def test_push_says_what_went_wrong(config: Path, grafana: LoopbackGrafana, capsys: pytest.CaptureFixture[str]) -> None:
    code = run("push", grafana.url, "--config", config, "--token-file", config.parent / "none")

    assert (code, capsys.readouterr().err.startswith("thermowell: cannot read the token: ")) == (2, True)


def test_draw_draws_each(config: Path, tmp_path: Path) -> None:
    assert run("draw", tmp_path / "drawn", "--config", config) == 0
    assert len(list((tmp_path / "drawn").glob("*.svg"))) == 8


def test_our_page_leads_to_the_dashboards_that_are_written(config: Path, tmp_path: Path) -> None:
    config.write_text(CONFIG + "grafana: {url: 'https://g.example/graphs/'}\n", encoding="utf-8")
    run("write", tmp_path / "out", "--config", config)
    links = elsewhere(load(config))

    assert links is not None
    for address, title in ((links.plant, "north · Plant"), (links.batch.removesuffix("?var-batch="), "north · Batch")):
        uid = address.removeprefix("https://g.example/graphs/d/")
        assert json.loads((tmp_path / f"out/dashboards/{uid}.json").read_text(encoding="utf-8"))["title"] == title
