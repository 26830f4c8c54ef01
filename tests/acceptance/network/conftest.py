"""nginx and Caddy with the configurations of `deploy/`, on ports of their own, before services of a process of its own."""

import contextlib
import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.acceptance.network.plant import NAMES
from tests.acceptance.service.running import ROOT, listens, until
from tests.certificates import Made, make
from tests.patience import LIMIT_S
from tests.ports import free_port

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CADDY = shutil.which("caddy")


@dataclass(frozen=True)
class Site:
    """One name behind a proxy, or a service itself."""

    name: str
    port: int
    certificate: Path | None = None
    prefix: str = ""

    def client(self, from_address: str | None = None) -> httpx.Client:
        """Calls the site by its name; its address is the loopback."""
        if self.certificate is None:
            return httpx.Client(base_url=f"http://127.0.0.1:{self.port}{self.prefix}", timeout=LIMIT_S)
        context = ssl.create_default_context(cafile=str(self.certificate))
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}{self.prefix}",
            headers={"Host": f"{self.name}:{self.port}"},
            transport=httpx.HTTPTransport(verify=context, local_address=from_address),
            timeout=LIMIT_S,
            event_hooks={"request": [self._named]},
        )

    def _named(self, request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = self.name


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("tls"), *NAMES)


@pytest.fixture(scope="module")
def services() -> Iterator[dict[str, int]]:
    """The ports of `plant.py`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.acceptance.network.plant"], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        ports: dict[str, int] = json.loads(process.stdout.readline())
        until(lambda: all(_answers(port) for port in ports.values()))
        yield ports
    finally:
        process.kill()
        process.wait(LIMIT_S)
        process.stdout.close()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/-/healthy", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def running(command: list[str], folder: Path, ports: list[int]) -> Iterator[None]:
    """A proxy as a process until it is left; its log is printed when it does not start."""
    log = folder / "proxy.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=folder, env={**os.environ, "HOME": str(folder)})
        try:
            until(lambda: process.poll() is not None or all(map(listens, ports)))
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()
            process.wait(LIMIT_S)


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """The text with every change made; what should be changed has to be there."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx_servers(name: str, upstream: int, ports: tuple[int, int], made: Made) -> str:
    """`deploy/nginx/thermowell.conf` for one service: with our ports, and a time-out that a test can wait for."""
    return replaced(
        (ROOT / "deploy/nginx/thermowell.conf").read_text(),
        {
            "127.0.0.1:8087": f"127.0.0.1:{upstream}",
            "upstream thermowell": f"upstream {name}",
            "http://thermowell;": f"http://{name};",
            "    listen [::]:443 ssl http2;\n": "",
            "    listen [::]:80;\n": "",
            "listen 443 ": f"listen 127.0.0.1:{ports[0]} ",
            "listen 80;": f"listen 127.0.0.1:{ports[1]};",
            "/etc/nginx/tls/plant.pem": str(made.certificate),
            "/etc/nginx/tls/plant.key": str(made.key),
            "proxy_read_timeout 75s": "proxy_read_timeout 5s",
        },
    )


_HOLDING_BACK = """
server {{
    listen 127.0.0.1:{holding};
    location / {{ proxy_pass http://root; proxy_set_header Host $http_host; proxy_buffering on; proxy_ignore_headers X-Accel-Buffering; }}
}}
server {{
    listen 127.0.0.1:{stripping};
    location /thermowell/ {{ proxy_pass http://prefixed/; proxy_set_header Host $http_host; }}
}}
"""

_AROUND = """
daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {servers}
}}
"""


@dataclass(frozen=True)
class Nginx:
    """What one nginx shows. `plain` is the port for what came without TLS."""

    root: Site
    prefixed: Site
    long: Site
    holding: Site
    stripping: Site
    plain: int
    folder: Path


@pytest.fixture(scope="module")
def nginx(services: dict[str, int], certificate: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    if NGINX is None:
        pytest.skip("no nginx here: its configuration is not tried")
    folder = tmp_path_factory.mktemp("nginx")
    ports = {name: (free_port(), free_port()) for name in services}
    holding, stripping = free_port(), free_port()
    servers = [nginx_servers(name, services[name], ports[name], certificate) for name in services]
    servers.append(_HOLDING_BACK.format(holding=holding, stripping=stripping))
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, servers="\n".join(servers), user=user))
    sites = {name: Site(NAMES[0], ports[name][0], certificate.certificate) for name in ("root", "long")}
    sites["prefixed"] = Site(NAMES[1], ports["prefixed"][0], certificate.certificate, "/thermowell")
    sites["holding"] = Site("localhost", holding)
    sites["stripping"] = Site("localhost", stripping, prefix="/thermowell")
    command = [NGINX, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    with running(command, folder, [site.port for site in sites.values()]):
        yield Nginx(**sites, plain=ports["root"][1], folder=folder)


@pytest.fixture(scope="module")
def caddy(
    services: dict[str, int], certificate: Made, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Site]]:
    """`deploy/caddy/Caddyfile` with our ports, both sites before the service under a prefix."""
    if CADDY is None:
        pytest.skip("no caddy here: its configuration is not tried")
    folder = tmp_path_factory.mktemp("caddy")
    plain, secured = free_port(), free_port()
    text = replaced(
        (ROOT / "deploy/caddy/Caddyfile").read_text(),
        {
            "reverse_proxy 127.0.0.1:8087": f"reverse_proxy 127.0.0.1:{services['prefixed']}",
            "/etc/caddy/tls/plant.pem": str(certificate.certificate),
            "/etc/caddy/tls/plant.key": str(certificate.key),
            **{f"\n{name} {{": f"\nhttps://{name}:{secured} {{" for name in NAMES},
        },
    )
    options = (
        f"admin off\n http_port {plain}\n https_port {secured}\n auto_https disable_redirects\n default_bind 127.0.0.1"
    )
    (folder / "Caddyfile").write_text(f"{{\n {options}\n storage file_system {folder}\n}}\n{text}")
    with running([CADDY, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"], folder, [secured]):
        yield {
            "root": Site(NAMES[0], secured, certificate.certificate),
            "prefixed": Site(NAMES[1], secured, certificate.certificate, "/thermowell"),
        }
