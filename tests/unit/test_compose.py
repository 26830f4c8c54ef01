"""The compose file is well formed, refers to nothing that is not there, and opens nothing by default."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dashboards.build import DATASOURCE
from service.config.build import load

ROOT = Path(__file__).parents[2]
SERVICES = ("thermowell", "influxdb", "grafana", "mosquitto")
NEEDED = re.compile(r"\$\{[A-Z_]+:\?[^}]+\}")


def read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@pytest.fixture(scope="module")
def compose() -> Any:
    return read((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def named_volumes(service: Any) -> set[str]:
    sources = [NEEDED.sub("/given", volume).split(":")[0] for volume in service.get("volumes", [])]
    return {source for source in sources if not source.startswith(("/", "."))}


def test_every_volume_secret_config_and_service_that_is_referred_to_exists_and_is_used(compose: Any) -> None:
    services = compose["services"].values()
    used = {
        "volumes": {name for service in services for name in named_volumes(service)},
        "secrets": {name for service in services for name in service.get("secrets", [])},
        "configs": {entry["source"] for service in services for entry in service.get("configs", [])},
    }

    assert tuple(compose["services"]) == SERVICES
    assert used == {kind: set(compose[kind]) for kind in used}
    assert {name for service in services for name in service.get("depends_on", {})} <= set(SERVICES)


def test_every_secret_that_is_read_is_given_to_that_service(compose: Any) -> None:
    contents = {name: entry["content"] for name, entry in compose["configs"].items()}
    for name, service in compose["services"].items():
        configs = [contents[entry["source"]] for entry in service.get("configs", [])]
        read_there = set(re.findall(r"/run/secrets/(\w+)", str([service.get("environment"), configs])))

        assert read_there <= set(service["secrets"]), name


def test_every_secret_comes_from_a_file_in_a_folder_that_must_be_named(compose: Any) -> None:
    for name, secret in compose["secrets"].items():
        assert re.fullmatch(rf"\$\{{THERMOWELL_SECRETS:\?[^}}]+\}}/{name}", secret["file"])


def test_no_password_token_or_administrator_stands_in_the_file(compose: Any) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN", name):
                assert value.startswith("/run/secrets/"), name
            if re.search("USER(NAME)?$", name):
                assert NEEDED.fullmatch(value), name


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_bound_to_the_loopback_and_health_is_checked(compose: Any, name: str) -> None:
    service = compose["services"][name]

    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert ("build" in service) != bool(re.fullmatch(r"[\w/-]+:\d[\w.]*", service.get("image", "")))


def test_the_image_gets_every_package_and_every_file_it_copies_exists(compose: Any) -> None:
    dockerfile = compose["services"]["thermowell"]["build"]["dockerfile_inline"]
    copied = {source for line in re.findall(r"^COPY (.*) \S+$", dockerfile, re.MULTILINE) for source in line.split()}
    packages = re.search(r"^packages = (\[.*\])$", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)

    assert packages is not None
    assert all((ROOT / name).exists() for name in copied)
    assert set(read(packages.group(1))) <= copied


def test_grafana_gets_the_data_source_that_the_dashboards_ask_for(compose: Any) -> None:
    [source] = read(compose["configs"]["grafana-datasource"]["content"])["datasources"]
    environment = compose["services"]["influxdb"]["environment"]

    assert source["uid"] == DATASOURCE
    assert source["jsonData"]["dbName"] == environment["DOCKER_INFLUXDB_INIT_BUCKET"]


def test_the_documented_configuration_fits_the_compose_file(compose: Any, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "production.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    secrets = {name: str(tmp_path / name) for name in compose["services"]["thermowell"]["secrets"]}
    for name, file in secrets.items():
        Path(file).write_text("sesame", encoding="utf-8")
        assert f"/run/secrets/{name}" in text
        text = text.replace(f"/run/secrets/{name}", file)
    (tmp_path / "thermowell.yaml").write_text(text, encoding="utf-8")
    configuration = load(tmp_path / "thermowell.yaml")
    target = configuration.mirrors["plant"].influxdb
    environment = compose["services"]["influxdb"]["environment"]

    assert (configuration.host, str(configuration.data)) == ("0.0.0.0", "/data")
    assert (target.org, target.bucket) == (
        environment["DOCKER_INFLUXDB_INIT_ORG"],
        environment["DOCKER_INFLUXDB_INIT_BUCKET"],
    )
