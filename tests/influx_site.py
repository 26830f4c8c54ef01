"""What a loopback InfluxDB answers beside writes: organizations, buckets, mappings, questions and deletions.

By InfluxDB's description of its HTTP API (https://docs.influxdata.com/influxdb/v2/api/): a path, a parameter or a field
of a body that is not in it is a fault of who asks, and raises.
"""

import itertools
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

from domain.time import HOUR_NS
from tests.influx_server import TAKEN, Answer, InfluxServer, Point
from tests.line_grammar import FieldValue, Unsigned, parse_line

Told = tuple[int, object]

_ORG = "00000000000000aa"

_PARAMETERS = {
    "GET /api/v2/orgs": {"descending", "limit", "offset", "org", "orgID", "userID"},
    "GET /api/v2/buckets": {"after", "id", "limit", "name", "offset", "org", "orgID"},
    "POST /api/v2/buckets": set(),
    "PATCH /api/v2/buckets": set(),
    "GET /api/v2/dbrps": {"bucketID", "db", "default", "id", "org", "orgID", "rp"},
    "POST /api/v2/dbrps": set(),
    "GET /query": {"chunk_size", "chunked", "db", "epoch", "p", "pretty", "q", "rp", "u"},
    "POST /api/v2/delete": {"bucket", "bucketID", "org", "orgID"},
}
_BODIES = {
    "POST /api/v2/buckets": ({"name", "orgID", "retentionRules"}, {"description", "rp", "schemaType"}),
    "PATCH /api/v2/buckets": (set(), {"description", "name", "retentionRules"}),
    "POST /api/v2/dbrps": ({"bucketID", "database", "retention_policy"}, {"default", "org", "orgID"}),
    "POST /api/v2/delete": ({"start", "stop"}, {"predicate"}),
}
_NAME = r'"((?:[^"\\]|\\.)*)"'
_SELECT = re.compile(
    rf"SELECT (?P<calls>.+) FROM {_NAME} WHERE time >= (?P<start>-?\d+) AND time < (?P<end>-?\d+)"
    r"""(?: AND "tag" = '(?P<tag>(?:[^'\\]|\\.)*)')? GROUP BY time\(1h\), "tag" fill\(none\)"""
)
_CALL = re.compile(r'(count|sum)\("(\w+)"\)')
_PREDICATE = re.compile(rf'_measurement={_NAME} AND "tag"={_NAME}')
_UNAUTHORIZED: Told = (401, {"code": "unauthorized", "message": "unauthorized access"})


class InfluxSite:
    """One organization, `site`; `rights` are those of each token: `operator`, `read` or `write`."""

    def __init__(self, server: InfluxServer) -> None:
        self.rights = {"sesame": "operator"}
        self.buckets: list[dict] = []
        self.mappings: list[dict] = []
        self._server = server
        self._ids = (f"{number:016x}" for number in itertools.count(1))
        server.answer, server.elsewhere = self._write, self.answer

    def _write(self, _: list[str]) -> Answer:
        right = self.rights.get(str(self._server.tokens[-1]).removeprefix("Token "))
        bucket, org = (self._server.queries[-1][name][0] for name in ("bucket", "org"))
        if right is None:
            return 401, "unauthorized access"
        if org != "site":
            return 404, _no_organization(org)
        if not self._named(bucket):
            return 404, f'bucket "{bucket}" not found'
        return (403, "insufficient permissions for write") if right == "read" else TAKEN

    def answer(self, method: str, address: str, token: str | None, body: bytes) -> Told:
        """A code, and what is told as JSON."""
        url = urlsplit(address)
        path, _, place = url.path.rpartition("/") if method == "PATCH" else (url.path, "", "")
        asked = f"{method} {path}"
        told = {name: values[0] for name, values in parse_qs(url.query).items()}
        assert set(told) <= _PARAMETERS[asked], f"{asked} has no parameters {set(told) - _PARAMETERS[asked]}"
        content = json.loads(body) if body else {}
        needed, allowed = _BODIES.get(asked, (set(), set()))
        assert needed <= set(content) <= needed | allowed, f"{asked}: {set(content)} is not as described"
        right = self.rights.get(str(token).removeprefix("Token "))
        if right is None:
            return _UNAUTHORIZED
        match asked:
            case "GET /api/v2/orgs":
                if told["org"] == "site":
                    return 200, {"orgs": [{"id": _ORG, "name": "site"}]}
                return _missing(_no_organization(told["org"])) if right == "operator" else (200, {"orgs": []})
            case "GET /api/v2/buckets":
                found = self._named(told["name"]) if right != "write" else []
                return (200, {"buckets": found}) if found else _missing(f'bucket "{told["name"]}" not found')
            case "GET /api/v2/dbrps":
                return 200, {"content": self._mapped(told["db"])}
            case "GET /query":
                return 200, {"results": [{"statement_id": 0} | self._result(told["db"], told["q"], right)]}
            case "POST /api/v2/delete":
                return self._delete(content) if right != "read" else (403, _fault("forbidden", "insufficient"))
        if right != "operator":
            return 401, _fault("unauthorized", f"write:orgs/{_ORG}{path.removeprefix('/api/v2')} is unauthorized")
        return self._made(asked, place, content)

    def _made(self, asked: str, place: str, content: dict) -> Told:
        if asked == "POST /api/v2/dbrps":
            self.mappings.append({"id": next(self._ids), "default": False, "virtual": False} | content)
            return 201, self.mappings[-1]
        if asked == "POST /api/v2/buckets":
            self.buckets.append({"id": next(self._ids), "type": "user"} | content)
            return 201, self.buckets[-1]
        [bucket] = [each for each in self.buckets if each["id"] == place]
        bucket |= content
        return 200, bucket

    def _named(self, name: str) -> list[dict]:
        return [bucket for bucket in self.buckets if bucket["name"] == name]

    def _mapped(self, name: str) -> list[dict]:
        """What is mapped by hand, and a bucket's own mapping, which needs no hand."""
        own = [each for each in self.mappings if each["database"] == name]
        more = {"database": name, "retention_policy": "autogen", "default": not own, "virtual": True, "orgID": _ORG}
        return own + [more | {"id": each["id"], "bucketID": each["id"]} for each in self._named(name)]

    def _result(self, database: str, question: str, right: str) -> dict:
        if right == "write" or not self._mapped(database):
            return {"error": f"database not found: {database}"}
        if question == "SHOW MEASUREMENTS":
            names = sorted({measurement for measurement, _, _ in self._server.points()})
            return {"series": [{"name": "measurements", "columns": ["name"], "values": names}]} if names else {}
        asked = _SELECT.fullmatch(question)
        assert asked is not None, f"not a question that is known here: {question}"
        calls = [_CALL.fullmatch(call) for call in asked["calls"].split(", ")]
        hours: dict[str, dict[int, list[dict]]] = defaultdict(lambda: defaultdict(list))
        points = sorted(self._server.points().items(), key=lambda point: point[0][2])
        for point, fields in points:
            if _is_asked(point, asked):
                hours[dict(point[1])["tag"]][point[2] // HOUR_NS * HOUR_NS].append(fields)
        series = [
            {
                "name": _unescaped(asked[2]),
                "tags": {"tag": tag},
                "columns": ["time", *(call[1] for call in calls if call)],
                "values": [
                    [hour, *(_figure(call[1], call[2], rows) for call in calls if call)]
                    for hour, rows in sorted(by_hour.items())
                ],
            }
            for tag, by_hour in sorted(hours.items())
        ]
        return {"series": series} if series else {}

    def _delete(self, content: dict) -> Told:
        predicate = _PREDICATE.fullmatch(content["predicate"])
        assert predicate is not None
        measurement, tag = (_unescaped(name) for name in predicate.groups())
        start_ns, stop_ns = (_time_ns(content[bound]) for bound in ("start", "stop"))

        def stays(line: str) -> bool:
            point = parse_line(line)
            is_there = start_ns <= point.time_ns <= stop_ns
            return not (is_there and point.measurement == measurement and point.tags["tag"] == tag)

        self._server.taken[:] = [line for line in self._server.taken if stays(line)]
        return 204, None


def _is_asked(point: Point, asked: re.Match[str]) -> bool:
    measurement, tags, time_ns = point
    is_tag = asked["tag"] is None or dict(tags)["tag"] == _unescaped(asked["tag"])
    return measurement == _unescaped(asked[2]) and int(asked["start"]) <= time_ns < int(asked["end"]) and is_tag


def _figure(function: str, field: str, rows: list[Mapping[str, FieldValue | Unsigned]]) -> float | int | None:
    values = [fields[field] for fields in rows if field in fields]
    if function == "count" or not values:
        return len(values) or None
    total = 0
    for value in values:
        assert isinstance(value, int | float)
        total += value
    return (total + 2**63) % 2**64 - 2**63 if isinstance(total, int) else total


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _time_ns(text: str) -> int:
    whole, _, decimals = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * 10**9 + int(decimals.ljust(9, "0"))


def _no_organization(name: str) -> str:
    return f'organization name "{name}" not found'


def _fault(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


def _missing(message: str) -> Told:
    return 404, _fault("not found", message)
