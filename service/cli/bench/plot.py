"""Draw a run: a batch's values, what was really so, and what was found."""

import argparse
from pathlib import Path

from service.bench.plot import draw
from service.cli.bench.writing import check_file, written


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, and what of it."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="what `bench run` wrote")
    parser.add_argument("--out", type=Path, metavar="FILE", help="a .png or .svg; default: DIR/plot.png")
    parser.add_argument("--unit", help="default: that of the first fault that could be seen")
    parser.add_argument("--batch", help="default: that of the same fault")
    parser.add_argument(
        "--tags", nargs="+", default=[], metavar="TAG", help="default: the usual ones, and what it was seen on"
    )


def run(options: argparse.Namespace) -> int:
    """Draw it and say where."""
    file = options.out or options.folder / "plot.png"
    if options.out is not None:
        check_file(file)
    with written(file):
        draw(options.folder, file, unit=options.unit, batch=options.batch, tags=options.tags)
    print(file)
    return 0
