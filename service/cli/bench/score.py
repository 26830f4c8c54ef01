"""Score anybody's findings against the truth of a run.

TRUTH is a run's folder, its truth.parquet or its truth.json. FINDINGS is a list in JSON that any system can write: each
with id, rule, subject and detected; onset, end, unit, message and alarm may be left out (docs/bench.md has the fields).
"""

import argparse
import math
import sys
from pathlib import Path

from service.bench.bounds import Rate, Share
from service.bench.findings import contradictions, read_findings
from service.bench.score_file import write_score
from service.bench.scoring import GROUPS, Score, describe, score
from service.cli.bench.writing import check_file, written
from simulators.truth.files import read_truth

_MOST_DIGITS = 9
_NAMES = {
    "fault": "visible faults",
    "validated": "excursions, validated",
    "par": "excursions, proven (PAR)",
    "nor": "excursions, normal (NOR)",
    "hold": "holds over their limit",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Truth, findings, and what else is known of the run."""
    parser.add_argument("truth", type=Path, metavar="TRUTH")
    parser.add_argument("findings", type=Path, metavar="FINDINGS")
    parser.add_argument("--out", type=Path, metavar="FILE", help="score.json, for programs")
    parser.add_argument("--batches", type=_batches, help="that were watched; default: the truth's")
    parser.add_argument("--unit-days", type=_unit_days, help="that were watched; default: the truth's")


def run(options: argparse.Namespace) -> int:
    """Print the score; exit code 0, whatever it is: only an acceptance can fail."""
    if options.out is not None:
        check_file(options.out)
    truth = read_truth(options.truth)
    findings = read_findings(options.findings)
    for said in contradictions(findings):
        print(f"thermowell: {options.findings}: {said}", file=sys.stderr)
    scored = score(truth, findings, batches=options.batches, unit_days=options.unit_days)
    print(f"{truth.header.scenario}, seed {truth.header.seed}: {scored.findings} findings")
    _print_found(scored)
    _print_false(scored)
    if options.out is not None:
        with written(options.out):
            write_score(scored, options.out, {"scenario": truth.header.scenario, "seed": truth.header.seed})
    return 0


def _batches(text: str) -> int:
    if not text.isdecimal() or len(text) > _MOST_DIGITS or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no count of batches from 1 on")
    return int(text)


def _unit_days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    if not 0 < days < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days above 0")
    return days


def _print_found(scored: Score) -> None:
    print("\nfound (95 % bounds: Clopper and Pearson), and the delay from when it could be seen")
    for group in GROUPS:
        found, delays = scored.found[group], scored.from_visible[group]
        if not found.trials:
            continue
        delay = ""
        if delays.median_s is not None and delays.most_s is not None:
            delay = f", after {_minutes(delays.median_s)} (median), {_minutes(delays.most_s)} (longest)"
        print(f"  {_NAMES[group]:<26} {_shown(found)}{delay}")
    for miss in scored.misses:
        print(f"    missed: {describe(miss.label)}: {miss.why}")
    for label in scored.hidden:
        print(f"    hidden: {describe(label)}: nobody could have seen it")


def _print_false(scored: Score) -> None:
    print("\nfalse alarms (95 % bounds: Poisson)")
    print(f"  per batch     {_rate(scored.false_per_batch)}")
    print(f"  per unit-day  {_rate(scored.false_per_unit_day)}")
    for told in scored.false_alarms:
        print(f"    {told.rule} on {told.subject}: {told.message}")


def _shown(found: Share) -> str:
    return f"{found.hits} of {found.trials} ({found.at_least:.0%} … {found.at_most:.0%})"


def _rate(found: Rate) -> str:
    if found.per_one is None or found.at_most is None:
        return f"{found.count} in no time under watch"
    return f"{found.per_one:.3g} ({found.count} in {found.exposure:.3g}; {found.at_least:.3g} … {found.at_most:.3g})"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"
