"""The compose file is well formed, refers to nothing that is not there, and opens nothing by default."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dashboards.provisioning import FOLDER, MirrorSource, data_sources
from service.config.build import Configuration, load
from simulators.plant_process import parser
from tests.patience import LIMIT_S
from tests.unit.deploy.reading import (
    NEEDED,
    ROOT,
    compose_file,
    documented_configuration,
    mosquitto_settings,
    project,
    read,
    text_of,
)

SERVICES = ("thermowell", "postgres", "influxdb", "grafana", "mosquitto")
OWN_ROOT = {"influxdb"}  # its image begins as root to give its volumes to its user, and goes on as that one


@pytest.fixture(scope="module")
def compose() -> Any:
    return compose_file()


def mounts(service: Any) -> dict[str, str]:
    """Target -> source of what is mounted; a variable that has to be set counts as a folder."""
    parts = [NEEDED.sub("/given", volume).split(":") for volume in service.get("volumes", [])]
    return {part[1]: part[0] for part in parts}


def named_volumes(service: Any) -> set[str]:
    return {source for source in mounts(service).values() if not source.startswith(("/", "."))}


def test_every_volume_secret_config_network_and_service_that_is_referred_to_exists_and_is_used(compose: Any) -> None:
    services = compose["services"].values()
    used = {
        "volumes": {name for service in services for name in named_volumes(service)},
        "secrets": {name for service in services for name in service.get("secrets", [])},
        "configs": {entry["source"] for service in services for entry in service.get("configs", [])},
        "networks": {name for service in services for name in service.get("networks", [])},
    }

    assert {*SERVICES} <= set(compose["services"])
    assert used == {kind: set(compose[kind]) for kind in used}
    assert {name for service in services for name in service.get("depends_on", {})} <= set(compose["services"])


def test_every_service_that_is_waited_for_has_a_health_check(compose: Any) -> None:
    for service in compose["services"].values():
        for name, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in compose["services"][name] or name == "thermowell"


def test_every_file_that_is_mounted_is_in_the_repository(compose: Any) -> None:
    for entry in compose["configs"].values():
        assert (ROOT / entry["file"]).is_file()


def provisioned() -> list[dict[str, object]]:
    """The data sources that the documented command writes for the documented configuration."""
    (written,) = [line for line in text_of("docs/production.md").splitlines() if " dashboards write /out " in line]
    influx = read(documented_configuration())["mirrors"]["plant"]["influxdb"]
    mirror = MirrorSource("plant", influx["url"], influx["bucket"], influx["token_file"])
    return data_sources(written.partition("--record ")[2].split()[0], [mirror])


def test_every_secret_that_is_read_is_given_to_that_service_and_no_other_is(compose: Any) -> None:
    given = documented_configuration()
    for name, service in compose["services"].items():
        files = [text_of(compose["configs"][entry["source"]]["file"]) for entry in service.get("configs", [])]
        more = {"thermowell": given, "grafana": provisioned()}.get(name, "")
        told = str([service.get("environment"), service.get("command"), files, more])

        assert set(re.findall(r"/run/secrets/(\w+)", told)) == set(service["secrets"]), name


def test_every_secret_comes_from_a_file_in_a_folder_that_must_be_named(compose: Any) -> None:
    for name, secret in compose["secrets"].items():
        assert re.fullmatch(rf"\$\{{THERMOWELL_SECRETS:\?[^}}]+\}}/{name}", secret["file"])


def test_no_password_token_or_administrator_stands_in_the_file(compose: Any) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN", name):
                assert value.startswith("/run/secrets/"), name
            if re.search("(ADMIN_USER|USERNAME)$", name):
                assert NEEDED.fullmatch(value), name


def test_no_variable_has_a_default_and_the_docs_tell_each() -> None:
    text = text_of("docker-compose.yml")
    variables = set(re.findall(r"\$\{(\w+)", text))

    assert len(NEEDED.findall(text)) == text.count("${")
    assert all(f"`{name}`" in text_of("docs/production.md") for name in variables)


def test_the_docs_tell_every_secret(compose: Any) -> None:
    for name in compose["secrets"]:
        assert f"`{name}`" in text_of("docs/production.md")


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_bound_to_the_loopback_and_health_is_checked(compose: Any, name: str) -> None:
    service = compose["services"][name]

    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in service.get("ports", []))
    assert ("ports" in service) != (service.get("network_mode") == "none")
    assert name == "thermowell" or service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"


def test_every_image_has_a_full_version_and_ours_is_this_one(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert re.fullmatch(r"[\w/-]+:\d+\.\d+(\.\d+)?(-bookworm)?", service["image"]), name
    assert compose["services"]["thermowell"]["image"] == f"thermowell:{project()['project']['version']}"


def test_what_runs_has_no_more_rights_than_it_needs(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["pids_limit"] > 0
        assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & set(service)
        if name in OWN_ROOT:
            continue
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "/tmp" in service["tmpfs"], name


def test_the_database_and_what_asks_it_meet_in_one_folder_and_no_network(compose: Any, loaded: Configuration) -> None:
    ours, theirs = (mounts(compose["services"][name]) for name in ("thermowell", "postgres"))

    assert loaded.records is not None
    assert ours[loaded.records.host] == theirs["/var/run/postgresql"] == "database-socket"
    assert compose["services"]["postgres"]["network_mode"] == "none"
    assert (loaded.records.user, loaded.records.database) == ("thermowell", "thermowell")
    assert loaded.records.tls == "off"


def test_grafana_gets_the_data_sources_that_the_dashboards_ask_for(compose: Any) -> None:
    sources = {str(one["uid"]): one for one in provisioned()}

    assert set(sources) == {"thermowell-record", "thermowell-mirror"}
    for source in sources.values():
        host, port = re.fullmatch(r"http://(\w+):(\d+)(/\w+)?", str(source["url"])).group(1, 2)  # type: ignore[union-attr]
        assert f"127.0.0.1:{port}:{port}" in compose["services"][host]["ports"]
        assert set(compose["services"][host]["networks"]) & set(compose["services"]["grafana"]["networks"])


def test_grafana_reads_what_is_written_where_it_is_mounted(compose: Any) -> None:
    inside = mounts(compose["services"]["grafana"])

    assert inside[f"{FOLDER}/dashboards"] == "/given/dashboards"
    assert inside[f"{FOLDER}/datasources"] == "/given/datasources"


@pytest.fixture(scope="module")
def loaded(compose: Any, tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """The configuration of the docs, with files where the secrets are."""
    folder = tmp_path_factory.mktemp("plant")
    text = documented_configuration()
    for name in compose["services"]["thermowell"]["secrets"]:
        (folder / name).write_text("sesame", encoding="utf-8")
        text = text.replace(f"/run/secrets/{name}", str(folder / name))
    (folder / "thermowell.yaml").write_text(text, encoding="utf-8")
    return load(folder / "thermowell.yaml")


def test_the_documented_configuration_fits_the_compose_file(compose: Any, loaded: Configuration) -> None:
    target = loaded.mirrors["plant"].influxdb
    environment = compose["services"]["influxdb"]["environment"]

    assert (loaded.host, f"127.0.0.1:{loaded.port}:{loaded.port}") == (
        "0.0.0.0",
        compose["services"]["thermowell"]["ports"][0],
    )
    assert mounts(compose["services"]["thermowell"])[str(loaded.data)] == "thermowell-data"
    assert target.url == "http://influxdb:8086"
    assert (target.org, target.bucket) == (
        environment["DOCKER_INFLUXDB_INIT_ORG"],
        environment["DOCKER_INFLUXDB_INIT_BUCKET"],
    )


def test_the_broker_keeps_as_much_as_the_source_believes(loaded: Configuration) -> None:
    broker, source = mosquitto_settings(), read(documented_configuration())["sources"]["floor"]["mqtt"]

    assert source["url"] == f"mqtt://mosquitto:{broker['listener']}"
    assert int(broker["max_queued_messages"]) == source["broker_queue"]
    assert broker["max_queued_bytes"] == "0", "a bound in bytes would drop before the source expects it"
    assert int(broker["max_inflight_messages"]) == loaded.sources["floor"].mqtt.receive_maximum


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="no docker-compose: the schema is not checked")
def test_the_compose_schema_takes_the_file(tmp_path: Path) -> None:
    """By docker-compose 1.29, which needs no engine; `name` at the top is newer than it, and is left out."""
    text = re.sub(r"^name: .*\n", "", text_of("docker-compose.yml"), flags=re.MULTILINE)
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)", text), str(tmp_path))
    (tmp_path / "docker-compose.yml").write_text(text)
    command = ["docker-compose", "--file", str(tmp_path / "docker-compose.yml"), "config"]

    done = subprocess.run(
        command,
        env={"PATH": "/usr/bin:/bin", **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    shutil.copy(ROOT / "deploy/compose-https.yml", tmp_path)
    secured = subprocess.run(
        [*command[:3], "--file", str(tmp_path / "compose-https.yml"), "config"],
        env={"PATH": "/usr/bin:/bin", **variables, "THERMOWELL_TLS": "/srv/tls"},
        check=False, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    without = subprocess.run(
        command, env={"PATH": "/usr/bin:/bin"}, check=False, capture_output=True, text=True, timeout=LIMIT_S
    )

    assert done.returncode == 0, done.stderr
    assert set(read(done.stdout)["services"]) >= set(SERVICES)
    assert "https://127.0.0.1:8087/-/ready" in secured.stdout, secured.stderr
    assert "/srv/tls:/tls:ro" in secured.stdout
    assert without.returncode != 0
    assert "set it to" in without.stderr


def test_the_demo_is_asked_for_and_its_command_is_one_that_the_plant_takes(compose: Any) -> None:
    plant = compose["services"]["plant"]
    told = parser().parse_args(plant["command"])
    configuration = read(text_of("deploy/demo/thermowell.yaml"))
    sources = configuration["sources"]

    assert [name for name, service in compose["services"].items() if "profiles" in service] == ["plant"]
    assert plant["network_mode"] == "service:thermowell"
    assert sources["train"]["opcua"]["url"] == f"opc.tcp://127.0.0.1:{told.opcua_port}/"
    assert sources["floor"]["mqtt"]["url"] == f"mqtt://{told.mqtt_host}:{told.mqtt_port}"
    assert f"\nuser {told.mqtt_user}\n" in text_of("deploy/mosquitto/acl")
    for key in ("records", "mirrors", "data", "http"):
        assert configuration[key] == read(documented_configuration())[key]


def test_the_demos_configuration_loads(compose: Any, tmp_path: Path) -> None:
    text = text_of("deploy/demo/thermowell.yaml")
    for name in compose["services"]["thermowell"]["secrets"]:
        (tmp_path / name).write_text("sesame", encoding="utf-8")
        text = text.replace(f"/run/secrets/{name}", str(tmp_path / name))
    (tmp_path / "thermowell.yaml").write_text(text, encoding="utf-8")

    assert {tag.name for tag in load(tmp_path / "thermowell.yaml").tags} == {"R101.TT", "R101.PT", "T201.LT", "T201.TT"}
