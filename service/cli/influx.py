"""Make an InfluxDB 2 ready for a mirror: bucket, retention, and the name by which InfluxQL knows it. Twice is once."""

import argparse
from pathlib import Path

from domain.errors import Refused
from historian.influx_setup import prepare
from service.config.build import load
from service.mirroring import bucket_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, for which mirror."""
    what = parser.add_subparsers(required=True, metavar="WHAT")
    init = what.add_parser("init", help="create bucket, retention and database mapping; what is there stays")
    init.add_argument("--config", type=Path, required=True, metavar="FILE")
    init.add_argument("--name", help="of the mirror; may be left out where there is one")
    init.add_argument(
        "--token-file", metavar="FILE", help="a token that may make buckets; else the mirror's own, which need not"
    )


def run(options: argparse.Namespace) -> int:
    """Prepare the mirror's bucket and say what was done."""
    configuration = load(options.config)
    names = [options.name] if options.name else list(configuration.mirrors)
    if len(names) != 1 or names[0] not in configuration.mirrors:
        raise Refused(f"name one of the mirrors: {', '.join(configuration.mirrors) or 'there is none'}")
    target = configuration.mirrors[names[0]].influxdb
    if options.token_file:
        target = target.model_copy(update={"token_file": str(Path(options.token_file).absolute())})
    done = prepare(bucket_of(configuration, target), target.retention)
    print("\n".join(done) if done else f"bucket {target.bucket} is ready: nothing to do")
    return 0
