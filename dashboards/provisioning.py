"""What Grafana reads at its start: dashboards, and the data sources that they ask. JSON is YAML too."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dashboards.queries import METRICS, MIRROR, RECORD, Json

FOLDER = "/etc/grafana/provisioning"
"""Where Grafana's packages and images look."""

_HEAD = "# Written by `thermowell dashboards write`: change the configuration, and write again.\n"


@dataclass(frozen=True, slots=True)
class MirrorSource:
    """A bucket of an InfluxDB 2 that holds a mirror, and the file, as Grafana sees it, that has a token for it."""

    name: str
    url: str
    bucket: str
    token_file: str


def data_sources(record_url: str, mirrors: Sequence[MirrorSource], prometheus_url: str = "") -> list[Json]:
    """The record first; the first mirror has the uid that dashboards and docs speak of."""
    made = [_influx("Thermowell record", RECORD, record_url, "thermowell")]
    for place, mirror in enumerate(mirrors):
        uid = MIRROR if place == 0 else f"{MIRROR}-{mirror.name}"[:40]
        name = "Thermowell mirror" if place == 0 else f"Thermowell mirror {mirror.name}"
        source = _influx(name, uid, mirror.url, mirror.bucket)
        source["jsonData"] = {**_mapping(source["jsonData"]), "httpHeaderName1": "Authorization"}
        # Grafana reads the file itself: the token stands in none of ours.
        source["secureJsonData"] = {"httpHeaderValue1": f"Token $__file{{{mirror.token_file}}}"}
        made.append(source)
    if prometheus_url:
        metrics = {"name": "Thermowell metrics", "uid": METRICS, "type": "prometheus", "url": prometheus_url}
        made.append({**metrics, "access": "proxy", "editable": False, "jsonData": {"httpMethod": "POST"}})
    return made


def _influx(name: str, uid: str, url: str, database: str) -> Json:
    settings = {"version": "InfluxQL", "dbName": database, "httpMethod": "POST"}
    return {
        "name": name,
        "uid": uid,
        "type": "influxdb",
        "access": "proxy",
        "url": url,
        "editable": False,
        "jsonData": settings,
    }


def _mapping(value: object) -> Mapping[str, object]:
    assert isinstance(value, dict)
    return value


def write(folder: Path, site: str, dashboards: Sequence[Json], sources: Sequence[Json], seen_at: str) -> list[Path]:
    """Write `dashboards/` and `datasources/` of a provisioning folder that Grafana sees at `seen_at`; return the files.

    Dashboards that were written before and are none any more are taken away. Files are named by uid: a unit's name may
    be none that a file can have. OSError if it cannot be written.
    """
    (folder / "dashboards").mkdir(parents=True, exist_ok=True)
    (folder / "datasources").mkdir(parents=True, exist_ok=True)
    provider = {
        "name": f"thermowell {site}",
        "folder": f"Thermowell: {site}",
        "type": "file",
        "allowUiUpdates": False,
        "disableDeletion": False,
        "updateIntervalSeconds": 30,
        "options": {"path": f"{seen_at.rstrip('/')}/dashboards"},
    }
    files = [folder / "dashboards" / f"{dashboard['uid']}.json" for dashboard in dashboards]
    for file, dashboard in zip(files, dashboards, strict=True):
        _put(file, dashboard)
    for file in set((folder / "dashboards").glob("tw-*.json")) - set(files):
        file.unlink()
    lists = {
        folder / "dashboards" / "thermowell.yaml": {"apiVersion": 1, "providers": [provider]},
        folder / "datasources" / "thermowell.yaml": {"apiVersion": 1, "prune": True, "datasources": list(sources)},
    }
    for file, content in lists.items():
        _put(file, content, _HEAD)
    return [*files, *lists]


def _put(file: Path, content: Mapping[str, object], head: str = "") -> None:
    """Replace a file whole: Grafana looks at it while we write."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(head + json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(file)
