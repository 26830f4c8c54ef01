"""List the scenarios of the library: name, how long, and what each teaches."""

import argparse
import textwrap

from domain.time import SECOND_NS, format_duration
from service.bench.reading import library, read_scenario


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much to tell."""
    parser.add_argument("--kinds", action="store_true", help="the kinds of faults that each has, too")


def run(options: argparse.Namespace) -> int:
    """Print one scenario after the other."""
    scenarios = [read_scenario(file) for file in library()]
    for scenario in scenarios:
        length = format_duration(scenario.lasts_s * SECOND_NS)
        print(f"{scenario.name}  ({length})")
        print(textwrap.fill(scenario.teaches, 100, initial_indent="    ", subsequent_indent="    "))
        if options.kinds and scenario.faults:
            print(f"    faults: {', '.join(dict.fromkeys(spec.kind for spec in scenario.faults))}")
    print(f"\n{len(scenarios)} scenarios; `thermowell bench run NAME` runs one")
    return 0
