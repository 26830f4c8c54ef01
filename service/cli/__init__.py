"""The `thermowell` command: one module a verb, each with `add_arguments` and `run`."""

import argparse
import logging
import sys

from domain.errors import ConfigError, ThermowellError
from service.supervise import CANNOT_START


def main(arguments: list[str] | None = None) -> None:
    """Run one verb; its exit code becomes the process's."""
    from service.cli import browse, check, demo, export, run, token, try_source, verify  # noqa: PLC0415  fast --help

    parser = argparse.ArgumentParser(prog="thermowell", description="Process monitoring and historian.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, verb in {
        "run": run,
        "check": check,
        "demo": demo,
        "browse": browse,
        "try": try_source,
        "export": export,
        "verify": verify,
        "token": token,
    }.items():
        summary = (verb.__doc__ or "").strip().splitlines()[0]
        sub = verbs.add_parser(name, help=summary, description=verb.__doc__)
        verb.add_arguments(sub)
        sub.set_defaults(verb=verb.run)
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    # These narrate every reconnect with a stack; our own messages tell it once.
    for noisy in ("asyncua", "amqtt", "transitions", "httpx"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    try:
        code = options.verb(options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        code = CANNOT_START
    except ThermowellError as error:
        print(f"thermowell: {error}", file=sys.stderr)
        code = CANNOT_START
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
