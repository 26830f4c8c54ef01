"""The test bench: a plant that can be broken on purpose, with the truth beside it."""

import argparse
import importlib
from collections.abc import Sequence
from typing import Final

VERBS: Final = {
    "run": ("service.cli.bench.running", "run scenarios against this service, and score what it found"),
    "list": ("service.cli.bench.listing", "the scenarios of the library, and what each teaches"),
    "serve": ("service.cli.bench.serve", "serve a scenario's plant on real servers until stopped"),
    "status": ("service.cli.bench.steer", "how a served plant stands"),
    "advance": ("service.cli.bench.steer", "let a served plant run ahead"),
    "pause": ("service.cli.bench.steer", "stop a served plant's clock"),
    "resume": ("service.cli.bench.steer", "let a served plant's clock go on"),
    "speed": ("service.cli.bench.steer", "let a served plant's clock run at another speed"),
    "inject": ("service.cli.bench.steer", "break something in a served plant"),
    "clear": ("service.cli.bench.steer", "mend what was broken in a served plant"),
    "score": ("service.cli.bench.score", "score anybody's findings against the truth of a run"),
    "plot": ("service.cli.bench.plot", "draw a run: values, truth and findings"),
    "firehose": ("simulators.servers.firehose", "as many values as a client can take"),
    "replay": ("simulators.servers.replay", "serve recorded samples again"),
    "schema": ("service.cli.bench.schema", "the JSON schema of a scenario file, for editors"),
}
"""Each sub-verb, the module that has its `add_arguments` and `run`, and what it does."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One parser a sub-verb."""
    verbs = parser.add_subparsers(required=True, metavar="VERB", dest="bench_verb", parser_class=_Verb)
    for name, (module, summary) in VERBS.items():
        verbs.add_parser(name, help=summary).set_defaults(bench_module=module)


def run(options: argparse.Namespace) -> int:
    """Run the chosen sub-verb."""
    code: int = importlib.import_module(options.bench_module).run(options)
    return code


class _Verb(argparse.ArgumentParser):
    """Imports its module only when it is the chosen one: no verb waits for what others need."""

    def parse_known_args(  # type: ignore[override]  # argparse calls it with these two only
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Take the module's arguments, then parse."""
        name = self.prog.rpartition(" ")[2]
        module = importlib.import_module(VERBS[name][0])
        self.description = module.__doc__
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        self.set_defaults(bench_verb=name)
        module.add_arguments(self)
        return super().parse_known_args(args, namespace)
