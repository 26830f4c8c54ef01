"""Check a configuration file, and say what it would run."""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

from detectors.bank import Bank
from domain.errors import Complaint, ConfigError
from domain.tags import TagTable
from service.config.build import Configuration, load
from service.config.document import read_document
from service.sources import mqtt_settings, opcua_settings
from service.tag_table import define
from service.telling.configured import channels_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file."""
    parser.add_argument("file", type=Path)


def run(options: argparse.Namespace) -> int:
    """Print complaints as `file:line:column: path: message` (exit 2), or warnings likewise and a summary (exit 0)."""
    configuration = load(options.file)
    _check_certificate(options.file, configuration)
    _rehearse(configuration)
    warnings = [*configuration.warnings, *_calendar_warnings(options.file, configuration)]
    for warning in warnings:
        print(replace(warning, message=f"warning: {warning.message}"), file=sys.stderr)
    rules = configuration.rulebook
    print(
        f"{options.file}: fine: {len(configuration.sources)} sources, {len(configuration.tags)} tags, "
        f"{len(rules.units)} units, {len(rules.recipes)} recipes, {len(rules.holds)} holds; "
        f"approval is {rules.approval}",
    )
    return 0


def _check_certificate(file: Path, configuration: Configuration) -> None:
    """ConfigError for a certificate that cannot be served; only here: the plant is watched also without a page."""
    pair = configuration.http.tls
    if pair is None:
        return
    from service.https import faults_of  # noqa: PLC0415  loads cryptography

    faults = faults_of(pair, time.time())
    if faults:
        document = read_document(file)
        raise ConfigError(tuple(document.complain(("http", "tls", fault.key), fault.message) for fault in faults))


def _calendar_warnings(file: Path, configuration: Configuration) -> list[Complaint]:
    """What should be known of rotas; ConfigError for a calendar that cannot be meant, which would not come in force."""
    if not configuration.rota:
        return []
    from service.telling.checking import check_calendars  # noqa: PLC0415  most sites have no rota

    faults, warnings = check_calendars(configuration, read_document(file), time.time_ns())
    if faults:
        raise ConfigError(tuple(faults))
    return warnings


def _rehearse(configuration: Configuration) -> None:
    """Make everything that needs no connection; Refused names what could not be made at the start either."""
    table = TagTable()
    define(table, configuration.tags, 0)
    Bank(configuration.rulebook, table)
    channels_of(configuration)
    for name, source in configuration.sources.items():
        if source.opcua is not None:
            opcua_settings(configuration, name, source.opcua)
        if source.mqtt is not None:
            mqtt_settings(configuration, name, source.mqtt)
