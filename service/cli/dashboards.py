"""Build Grafana's dashboards from the configuration: files for its provisioning, or a push into it. Never both."""

import argparse
from dataclasses import replace
from pathlib import Path

from dashboards.board import Plant
from dashboards.build import build_dashboards
from dashboards.layout import draw, picture_name
from dashboards.provisioning import FOLDER, MirrorSource, data_sources, write
from dashboards.push import push_dashboards
from dashboards.queries import MIRROR, RECORD, Json
from domain.errors import Refused
from service.config.build import Configuration, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to; everything else has a default that suits one machine."""
    verbs = parser.add_subparsers(required=True, metavar="write|push|draw", dest="what")
    writing = verbs.add_parser("write", help="write a provisioning folder: dashboards and data sources")
    writing.add_argument("folder", type=Path, metavar="DIR")
    writing.add_argument("--seen-at", default=FOLDER, metavar="PATH", help=f"DIR as Grafana sees it; default: {FOLDER}")
    writing.add_argument("--record", metavar="URL", help="this service's /influx as Grafana reaches it")
    writing.add_argument("--prometheus", default="", metavar="URL", help="a Prometheus that has this service's figures")
    pushing = verbs.add_parser("push", help="push into a Grafana over its HTTP API")
    pushing.add_argument("url", metavar="URL", help="such as http://127.0.0.1:3000")
    pushing.add_argument("--token-file", type=Path, required=True, metavar="FILE", help="of a Grafana service account")
    drawing = verbs.add_parser("draw", help="draw the layout of each as SVG: grid, titles and kinds")
    drawing.add_argument("folder", type=Path, metavar="DIR")
    for verb in (writing, pushing, drawing):
        verb.add_argument("--config", type=Path, required=True, metavar="FILE")
        kinds = f"{RECORD}, {MIRROR} or the uid of another"
        verb.add_argument("--store", default=RECORD, metavar="UID", help=f"where samples are asked first: {kinds}")


def run(options: argparse.Namespace) -> int:
    """Build all, then write, push or draw; print what was."""
    configuration = load(options.config)
    plant = Plant(
        configuration.site,
        configuration.rulebook,
        configuration.tags,
        options.store,
        configuration.http.page_url,
    )
    built = build_dashboards(plant)
    try:
        told = {"write": _write, "push": _push, "draw": _draw}[options.what](options, configuration, built)
    except OSError as error:
        raise Refused(f"cannot write: {error}") from error
    for line in told:
        print(line)
    return 0


def _write(options: argparse.Namespace, configuration: Configuration, built: list[Json]) -> list[str]:
    mirrors = [
        MirrorSource(name, one.influxdb.url, one.influxdb.bucket, str(configuration.beside(one.influxdb.token_file)))
        for name, one in configuration.mirrors.items()
    ]
    sources = data_sources(options.record or _record(configuration), mirrors, options.prometheus)
    files = write(options.folder, configuration.site, built, sources, options.seen_at)
    titles = {f"{one['uid']}.json": one["title"] for one in built}
    return [f"{file}\t{titles.get(file.name, '')}".rstrip() for file in files]


def _push(options: argparse.Namespace, configuration: Configuration, built: list[Json]) -> list[str]:
    wanted = list(dict.fromkeys([RECORD, options.store]))
    pushed = push_dashboards(options.url, _token(options.token_file), configuration.site, built, wanted)
    return [*pushed, f"{len(pushed)} of {len(built)} dashboards were pushed; the others are as they should be"]


def _draw(options: argparse.Namespace, configuration: Configuration, built: list[Json]) -> list[str]:
    del configuration
    options.folder.mkdir(parents=True, exist_ok=True)
    told = []
    for dashboard in built:
        file = options.folder / picture_name(dashboard)
        file.write_text(draw(dashboard), encoding="utf-8")
        told.append(f"{file}\t{dashboard['title']}")
    return told


def _record(configuration: Configuration) -> str:
    """Where a Grafana on the same machine reaches this service."""
    http = configuration.http
    host = "127.0.0.1" if http.host in {"0.0.0.0", "::"} else http.host  # noqa: S104  not listened on
    return f"{replace(http, host=host).own_url}/influx"


def _token(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise Refused(f"cannot read the token: {error}") from error
