"""How the alarm system behaves: `thermowell alarms report` measures a week by ISA-18.2 and EEMUA 191."""

import argparse
import json
import sys
from pathlib import Path

from api.performance import performance_shape
from api.report import report_page
from api.times import TimeForm
from domain.errors import Refused
from domain.performance import Performance
from records.database import SqlRecords
from service.clock import make_clock
from service.config.build import Configuration, load
from service.keeping import address_of
from service.measuring import Measuring
from service.reporting import text_of
from service.weeks import Week


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which week, of whom, and as what."""
    parser.add_argument("what", choices=("report",))
    parser.add_argument("--config", type=Path, metavar="FILE", default=Path("thermowell.yaml"))
    parser.add_argument("--week", metavar="2026-W47", help="default: the last one that is over")
    parser.add_argument("--position", metavar="NAME", help="one operator position; default: all")
    parser.add_argument("--format", choices=("text", "html", "json"), default="text")


def run(options: argparse.Namespace) -> int:
    """Write the report to the standard output."""
    configuration = load(options.config)
    with SqlRecords.as_they_are(address_of(configuration)) as records:
        measuring = Measuring(records, configuration.positions, configuration.zone)
        week = _week(options, configuration, measuring)
        if options.position is not None and options.position not in configuration.positions.names:
            names = ", ".join(configuration.positions.names)
            raise Refused(f"no operator position is named {options.position!r} (there are {names})")
        told = measuring.performance(week.start_ns, week.end_ns, options.position)
    sys.stdout.write(_written(options.format, configuration, week, told))
    return 0


def _week(options: argparse.Namespace, configuration: Configuration, measuring: Measuring) -> Week:
    if options.week is not None:
        return measuring.week(options.week)
    return Week.of(make_clock(configuration.clock).now_ns(), configuration.zone).before()


def _written(form: str, configuration: Configuration, week: Week, told: Performance) -> str:
    zone = week.zone.key
    if form == "text":
        return text_of(told, configuration.site, week.name, zone) + "\n"
    head = {"site": configuration.site, "week": week.name, "zone": zone}
    if form == "json":
        return json.dumps(head | performance_shape(told, TimeForm.ISO), indent=1, ensure_ascii=False) + "\n"
    return report_page(head | performance_shape(told, TimeForm.MS))
