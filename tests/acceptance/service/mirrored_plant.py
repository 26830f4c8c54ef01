"""A stopped service whose mirror is a bucket made for one test, of a loopback server or of a real InfluxDB."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from historian.influx import InfluxBucket, InfluxWriter
from service.cli import main
from tests.influx_server import InfluxServer
from tests.influx_site import InfluxSite
from tests.patience import LIMIT_S
from tests.unit.historian.test_influx import lines_from
from tests.unit.service.mirrored_site import END_NS, START_NS, make_site

URL, TOKEN, ORG = (os.environ.get(f"THERMOWELL_TEST_INFLUX_{name}", "") for name in ("URL", "TOKEN", "ORG"))

without_a_real_one = pytest.mark.skipif(
    not (URL and TOKEN and ORG),
    reason="no real InfluxDB: THERMOWELL_TEST_INFLUX_URL, _TOKEN and _ORG are not given",
)


@dataclass
class MirroredPlant:
    """A configured mirror; `token` may do everything there."""

    config: Path
    target: InfluxBucket
    site: InfluxSite | None = None  # of a loopback server

    @property
    def bucket(self) -> str:
        return self.target.bucket

    def ask(self, question: str) -> list[dict]:
        return self.request(f"/query?{urllib.parse.urlencode({'db': self.bucket, 'epoch': 'ns', 'q': question})}")[
            "results"
        ]

    def write(self, *lines: str) -> None:
        with InfluxWriter(self.target) as writer:
            assert not writer.write(lines_from(list(lines))).refused

    def init(self, *more: str) -> int:
        return run("influx", "init", "--config", str(self.config), *more)

    def run(self, verb: str, *more: str) -> int:
        period = ("--start", str(START_NS), "--end", str(END_NS))
        return run("mirror", verb, "--config", str(self.config), "--name", "plant", *period, *more)

    def keeps(self, retention: str) -> None:
        """Configure for how long the bucket keeps points."""
        text = self.config.read_text(encoding="utf-8")
        self.config.write_text(text.replace("token_file: token", f"token_file: token, retention: {retention}"))

    def may_only(self, right: str) -> None:
        """Give the mirror a token that may only read its bucket, or only write it."""
        if self.site is not None:
            token = f"token-to-{right}"
            self.site.rights[token] = right
        else:
            found = self.request(f"/api/v2/buckets?{urllib.parse.urlencode({'name': self.bucket})}")["buckets"][0]
            of_bucket = {"type": "buckets", "id": found["id"], "orgID": found["orgID"]}
            permissions = [{"action": right, "resource": of_bucket}]
            told = {"orgID": found["orgID"], "permissions": permissions}
            token = self.request("/api/v2/authorizations", "POST", told)["token"]
        (self.config.parent / "token").write_text(token, encoding="utf-8")

    def request(self, path: str, method: str = "GET", body: object = None) -> dict:
        asked = urllib.request.Request(
            self.target.url + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Token {self.target.token}"},
            method=method,
        )
        try:
            with urllib.request.urlopen(asked, timeout=LIMIT_S) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            raise
        return json.loads(text) if text else {}


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code


async def loopback_plant(folder: Path) -> AsyncIterator[MirroredPlant]:
    with InfluxServer() as server:
        target = InfluxBucket(server.url, "site", "test, loopback", "sesame")
        config = await make_site(folder, target.url, target.org, target.bucket, target.token)
        yield MirroredPlant(config, target, InfluxSite(server))


async def real_plant(folder: Path) -> AsyncIterator[MirroredPlant]:
    target = InfluxBucket(URL, ORG, f"test, {uuid.uuid4().hex}", TOKEN)
    plant = MirroredPlant(await make_site(folder, URL, ORG, target.bucket, TOKEN), target)
    yield plant
    for found in plant.request(f"/api/v2/buckets?{urllib.parse.urlencode({'name': target.bucket})}").get("buckets", []):
        plant.request(f"/api/v2/buckets/{found['id']}", "DELETE")
