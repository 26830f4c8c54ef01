"""Print the JSON schema of a scenario file: editors check and complete with it."""

import argparse
import json
from pathlib import Path

from service.bench.schema import ScenarioText
from service.cli.bench.writing import written


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: printed")


def run(options: argparse.Namespace) -> int:
    """Print or write it."""
    text = json.dumps({"title": "A scenario of Thermowell's bench", **ScenarioText.model_json_schema()}, indent=2)
    if options.out is None:
        print(text)
    else:
        with written(options.out):
            options.out.write_text(text + "\n", encoding="utf-8")
    return 0
