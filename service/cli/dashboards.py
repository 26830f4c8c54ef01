"""Build a Grafana dashboard for each unit from the configuration; write them as JSON, or push them into Grafana."""

import argparse
import json
from pathlib import Path

from dashboards.build import DATASOURCE, Json, build_dashboards
from dashboards.push import push_dashboards
from domain.errors import Refused
from service.config.build import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """From which configuration, and where to."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--datasource", default=DATASOURCE, metavar="UID", help="of the data source in Grafana")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", type=Path, metavar="DIR", help="one file a unit; default: all to standard output")
    target.add_argument("--push", metavar="URL", help="a Grafana, such as http://127.0.0.1:3000")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="holds a Grafana service account's token")


def run(options: argparse.Namespace) -> int:
    """Build all, then write or push."""
    configuration = load(options.config)
    site = configuration.site
    built = build_dashboards(site, configuration.rulebook, configuration.tags, datasource=options.datasource)
    if options.push is not None:
        for address in push_dashboards(options.push, _token(options.token_file), site, built):
            print(address)
    elif options.output is not None:
        _write(built, options.output)
    else:
        print(json.dumps(built, indent=2, ensure_ascii=False))
    return 0


def _token(file: Path | None) -> str:
    if file is None:
        raise Refused("--push needs --token-file FILE")
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Refused(f"cannot read the token: {error}") from error


def _write(built: list[Json], folder: Path) -> None:
    """Files are named by uid: a unit's name may be none that a file can have."""
    folder.mkdir(parents=True, exist_ok=True)
    for dashboard in built:
        file = folder / f"{dashboard['uid']}.json"
        file.write_text(json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{file}\t{dashboard['title']}")
