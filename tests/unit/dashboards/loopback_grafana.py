"""A Grafana on the loopback: it takes the requests that its HTTP API documents, refuses any other, and misbehaves on demand."""

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Json = dict[str, object]
Answer = tuple[int, Json | str]

TOKEN = "sesame"
_LOOKED_AT = {
    "folders": re.compile(r"/api/folders/([a-zA-Z0-9_-]{1,40})"),
    "dashboards": re.compile(r"/api/dashboards/uid/([a-zA-Z0-9_-]{1,40})"),
    "sources": re.compile(r"/api/datasources/uid/([a-zA-Z0-9_-]{1,40})"),
}


class LoopbackGrafana:
    """Folders, dashboards and data sources in memory; `broken` answers in place of some requests, by method and path."""

    def __init__(self) -> None:
        self.folders: dict[str, Json] = {}
        self.dashboards: dict[str, Json] = {}
        self.sources: dict[str, Json] = {"thermowell-record": {"type": "influxdb"}}
        self.provisioned: set[str] = set()
        self.broken: dict[tuple[str, str], Answer] = {}
        self.prefix = ""
        self.asked: list[str] = []
        self.wrong: list[str] = []
        self.slow = threading.Event()
        self.slow.set()
        grafana = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                grafana.take(self)

            def do_POST(self) -> None:
                grafana.take(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Hold the request against the documentation, then answer it."""
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        path = request.path.removeprefix(self.prefix)
        self.asked.append(f"{request.command} {path}")
        self.slow.wait(20)
        code, said = self.broken.get((request.command, path)) or self._decided(request, path, body)
        told = said if isinstance(said, str) else json.dumps(said)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # who waited for a slow answer may be gone
            request.send_response(code)
            request.send_header("Content-Type", "application/json")
            request.end_headers()
            request.wfile.write(told.encode())

    def _decided(self, request: BaseHTTPRequestHandler, path: str, body: bytes) -> Answer:
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key"}
        if request.command == "GET":
            return self._looked(path)
        if request.headers["Content-Type"] != "application/json":
            return self._refuse(f"{path}: a body of {request.headers['Content-Type']}")
        given = json.loads(body)
        if path == "/api/folders":
            return self._folder(given)
        if path == "/api/dashboards/db":
            return self._save(given)
        return self._refuse(f"{request.command} {path} is not documented")

    def _looked(self, path: str) -> Answer:
        for kind, pattern in _LOOKED_AT.items():
            found = pattern.fullmatch(path)
            if found is None:
                continue
            held = getattr(self, kind).get(found[1])
            return (404, {"message": f"{kind} not found"}) if held is None else (200, held)
        return self._refuse(f"GET {path} is not documented")

    def _folder(self, given: Json) -> Answer:
        if not set(given) <= {"uid", "title", "parentUid"} or not given.get("title"):
            return self._refuse(f"no folder: {given}")
        uid = str(given["uid"])
        if uid in self.folders:
            return 409, {"message": "a folder with that uid is there"}
        self.folders[uid] = {"uid": uid, "title": given["title"]}
        return 200, self.folders[uid]

    def _save(self, given: Json) -> Answer:
        if not set(given) <= {"dashboard", "folderUid", "message", "overwrite"}:
            return self._refuse(f"not documented: {sorted(given)}")
        dashboard, folder = given["dashboard"], str(given["folderUid"])
        assert isinstance(dashboard, dict)
        uid = str(dashboard["uid"])
        if len(uid) > 40 or not dashboard.get("title"):
            return self._refuse(f"no dashboard: {uid}")
        if folder not in self.folders:
            return 400, {"message": "folder not found"}
        if uid in self.provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        if uid in self.dashboards and given.get("overwrite") is not True:
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        known = self.dashboards.get(uid, {})
        version = int(known["dashboard"]["version"]) + 1 if known else 1  # type: ignore[index, call-overload]
        numbered = {**dashboard, "id": len(self.dashboards) + 1, "version": version}
        meta = {"folderUid": folder, "provisioned": False}
        self.dashboards[uid] = {"dashboard": numbered, "meta": meta}
        return 200, {"uid": uid, "url": f"{self.prefix}/d/{uid}/x", "status": "success", "version": version}

    def _refuse(self, why: str) -> Answer:
        self.wrong.append(why)
        return 400, {"message": why}

    def provision(self, dashboard: Json) -> None:
        """Have a dashboard from files, as a Grafana has that read a provisioning folder."""
        uid = str(dashboard["uid"])
        self.provisioned.add(uid)
        meta = {"provisioned": True, "provisionedExternalId": f"{uid}.json", "folderUid": "other"}
        self.dashboards[uid] = {"dashboard": {**dashboard, "id": 9, "version": 1}, "meta": meta}


@contextmanager
def running() -> Iterator[LoopbackGrafana]:
    """A Grafana that answers until the block ends; what was asked of it has to be documented."""
    grafana = LoopbackGrafana()
    thread = threading.Thread(target=grafana.http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield grafana
    finally:
        grafana.slow.set()
        grafana.http.shutdown()
        grafana.http.server_close()
        thread.join(5)
    assert grafana.wrong == []
