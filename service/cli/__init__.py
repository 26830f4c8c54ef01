"""The `thermowell` command: one module a verb, each with `add_arguments` and `run`."""

import argparse
import importlib
import logging
import sys

from domain.errors import ConfigError, ThermowellError
from service import logs
from service.exits import code_of

VERBS = {
    "run": "run the service: collect, keep, judge, tell and show",
    "check": "check a configuration file",
    "demo": "show it all with a simulated plant",
    "bench": "a plant that can be broken on purpose: run, serve, score",
    "browse": "write an OPC UA server's variables as a tag file",
    "try": "show a source's live values without storing",
    "export": "export a tag's samples as CSV or Parquet",
    "verify": "prove that what is stored is what was written",
    "doctor": "look at clocks, disk, brokers, servers, certificates, database, mirrors, and say what to do",
    "backup": "back up the whole data folder, also while the service runs",
    "restore": "restore a backup into an empty data folder",
    "replay": "judge the past once more, also by another configuration",
    "test": "test limits against series of values",
    "drift": "confirm how often drift charts alarm falsely",
    "batch": "the report of a batch: write it, verify it",
    "notify": "try every way to tell people, and the way back",
    "people": "accounts of people: add, disable, enable, unlock, reset, role, list",
    "token": "give people and other systems personal tokens",
    "audit": "the audit trail: list, export, verify",
    "alarms": "how the alarm system behaves: the report of a week",
    "ranges": "versions of ranges: propose, diff, approve, reject, withdraw, impact",
    "recipes": "import master recipes as drafts",
    "models": "learned models: train, evaluate, approve, list",
    "mirror": "compare a mirror with the record, and make it alike",
    "influx": "make an InfluxDB ready for a mirror",
    "dashboards": "Grafana's dashboards: write, push, draw",
}
_MODULES = {"try": "try_source"}

# These narrate every reconnect with a stack; our own messages tell it once.
_NOISY = ("asyncua", "amqtt", "transitions", "httpx", "apprise", "uvicorn")


def main(arguments: list[str] | None = None) -> None:
    """Run one verb; its exit code becomes the process's."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser(arguments[0] if arguments else "").parse_args(arguments)
    logs.set_up("text")
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        code = options.verb(options)
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        code = 141
    except Exception as error:  # noqa: BLE001  the process's root: `service.exits` says what becomes of it
        _tell(error)
        code = code_of(error)
    sys.exit(code)


def _tell(error: Exception) -> None:
    """What went wrong: in words where the program foresaw it, else with its stack."""
    if isinstance(error, ConfigError):
        print(error, file=sys.stderr)
    elif isinstance(error, ThermowellError) and logs.is_json():
        logging.getLogger(__name__).critical("%s", error)
    elif isinstance(error, ThermowellError):
        print(f"thermowell: {error}", file=sys.stderr)
    else:
        logging.getLogger(__name__).critical("ended by a fault of this program", exc_info=error)


def _parser(chosen: str) -> argparse.ArgumentParser:
    """All verbs by name; only the chosen one is imported."""
    parser = argparse.ArgumentParser(prog="thermowell", description="Process monitoring and historian.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, summary in VERBS.items():
        if name != chosen:
            verbs.add_parser(name, help=summary)
            continue
        module = importlib.import_module(f"service.cli.{_MODULES.get(name, name)}")
        sub = verbs.add_parser(name, help=summary, description=module.__doc__)
        module.add_arguments(sub)
        sub.set_defaults(verb=module.run)
    return parser
