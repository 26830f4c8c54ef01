"""Browse an OPC UA server and write its variables as a tag file that a person can review."""

import argparse
import asyncio
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from collector.opcua.browse import BrowsedNode, browse
from collector.opcua.settings import OpcUaSettings, Security, SecurityMode
from domain.audit import safe_cell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and how to get in."""
    parser.add_argument("url", metavar="URL", help="opc.tcp://HOST:PORT/")
    parser.add_argument("--source", default="server", help="the source's name in the tag file")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--security", choices=[policy.value for policy in Security], default="None")
    parser.add_argument("--mode", choices=[mode.value for mode in SecurityMode], default="SignAndEncrypt")
    parser.add_argument("--user", default="")
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--certificates", type=Path, default=Path("data/certificates"), metavar="DIR")


def run(options: argparse.Namespace) -> int:
    """Write one row a variable: name, source, node, unit, kind, description."""
    settings = OpcUaSettings(
        name=options.source,
        url=options.url,
        security=Security(options.security),
        security_mode=SecurityMode(options.mode),
        user=options.user,
        password_file=options.password_file,
        certificate_dir=options.certificates / "own",
        trust_dir=options.certificates / "trusted",
    )
    nodes = asyncio.run(browse(settings))
    if options.output is None:
        _write(sys.stdout, options.source, nodes)
    else:
        with options.output.open("w", encoding="utf-8", newline="") as target:
            _write(target, options.source, nodes)
        print(f"{options.output}: {len(nodes)} tags to review; use it with  include: [{options.output.name}]")
    return 0


def _write(target: TextIO, source: str, nodes: Sequence[BrowsedNode]) -> None:
    table = csv.writer(target, lineterminator="\n")
    table.writerow(["name", "source", "node", "unit", "kind", "description"])
    for node in nodes:
        name, unit, description = map(safe_cell, (node.name, node.unit, node.description))  # a server wrote them
        table.writerow([name, source, node.address, unit, node.kind, description])
