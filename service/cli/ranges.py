"""Versions of ranges: list, put a draft forward, compare, approve as a second person, see what would change."""

import argparse
from collections.abc import Callable

from domain.approvals import CLOSING, Proposal, Standing
from domain.entries import ActionKind
from domain.errors import Refused
from domain.range_steps import KIND
from domain.recipe_content import recipe_of
from domain.recipes import Recipe
from domain.tags import TagTable
from domain.time import SECOND_NS, format_time, parse_duration_s
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from records.database import SqlRecords
from service.cli.acting import acting_person, add_common, answer_of, do, moment, token_of
from service.clock import make_clock
from service.config.build import Configuration
from service.files import Files
from service.ranges.changing import Hand, approve, close, propose, review
from service.ranges.difference import difference
from service.ranges.impact import Past, impact, line_of
from service.ranges.standing import judging_recipes, standings_of
from service.signing import Signing, proof_by_token

_MOST_RUNS = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """List, propose, diff, approve, reject, withdraw, impact."""
    add_common(parser)
    verbs = parser.add_subparsers(
        dest="what", required=True, metavar="list|propose|diff|review|approve|reject|withdraw|impact"
    )
    verbs.add_parser("list", help="what is in force, what comes, what waits")
    proposing = verbs.add_parser("propose", help="put the file's recipe forward")
    proposing.add_argument("product")
    proposing.add_argument("--reason", required=True)
    comparing = verbs.add_parser("diff", help="what differs from the version in force")
    comparing.add_argument("which", metavar="PRODUCT|PROPOSAL")
    reviewing = verbs.add_parser("review", help="sign that you reviewed a proposal: not by whoever proposed it")
    reviewing.add_argument("proposal")
    reviewing.add_argument("--reason", required=True)
    approving = verbs.add_parser("approve", help="put a reviewed proposal in force: by a third person")
    approving.add_argument("proposal")
    approving.add_argument("--reason", required=True)
    approving.add_argument("--valid-from", metavar="TIME", help="ISO 8601, not in the past; default: now")
    for verb, what in (("reject", "turn a proposal down"), ("withdraw", "take your own proposal back")):
        closing = verbs.add_parser(verb, help=f"{what}: nobody can approve it then")
        closing.add_argument("proposal")
        closing.add_argument("--reason", required=True)
    weighing = verbs.add_parser("impact", help="which ranges of recent batches would have said otherwise")
    weighing.add_argument("which", metavar="PRODUCT|PROPOSAL")
    weighing.add_argument("--since", default="30 days", metavar="DURATION")


def run(options: argparse.Namespace) -> int:
    """Do what is asked; exit 2 where it is refused."""
    closing = {"reject": _close, "withdraw": _close}
    verbs = {
        "list": _list,
        "propose": _propose,
        "diff": _diff,
        "review": _review,
        "approve": _approve,
        **closing,
        "impact": _impact,
    }
    return do(verbs, options)


def _hand(options: argparse.Namespace, records: SqlRecords, now_ns: Callable[[], int]) -> Hand:
    """Who acts; the token that they act by is what they prove themselves by at signing."""
    person, secret = acting_person(options, records), token_of(options)
    return Hand(Signing(records, proof_by_token(records.person_of), now_ns), person, secret)


def _standings(configuration: Configuration, records: SqlRecords) -> list[Standing]:
    return standings_of(configuration, records, make_clock(configuration.clock).now_ns())


def _list(_: argparse.Namespace, configuration: Configuration, __: Files, records: SqlRecords) -> int:
    standings = _standings(configuration, records)
    if not standings:
        print("no ranges: the configuration has no `recipes` section, and none is approved")
    for each in standings:
        judges = each.in_force
        if not each.required:
            print(f"{each.product}: approval is off: the file judges (v{each.draft_version})")
        elif judges is None:
            print(f"{each.product}: NOTHING JUDGES: no version is approved and in force")
        if judges is not None:
            who = f"approved by {judges.approver}, change {judges.change}"
            print(f"{each.product}: v{judges.version} in force since {format_time(judges.valid_from_ns)}, {who}")
        for later in each.later:
            print(f"{each.product}: v{later.version} from {format_time(later.valid_from_ns)}, by {later.approver}")
        for waits in each.waiting:
            _tell_waiting(waits, records)
        for closed in each.closed:
            told, at = closed.action, format_time(closed.action.at_ns)
            print(f"{each.product}: v{closed.proposal.version} {closed.state} by {told.person} at {at}: {told.comment}")
        if each.draft_version is not None:
            print(f"{each.product}: the file's v{each.draft_version}: {each.draft}")
    return 0


def _tell_waiting(waits: Proposal, records: SqlRecords) -> None:
    print(f"{waits.product}: v{waits.version} waits for a second person: {waits.id}, by {waits.person}")
    for one in records.signatures_of(KIND, waits.id):
        print(f"{waits.product}: v{waits.version} {one.meaning} by {one.printed} at {format_time(one.at_ns)}")


def _draft(configuration: Configuration, product: str) -> Recipe:
    recipe = configuration.rulebook.recipes.get(product)
    if recipe is None:
        raise Refused(f"no recipe is named {product!r}")
    return recipe


def _chosen(configuration: Configuration, records: SqlRecords, which: str) -> Recipe:
    """A proposal by its id, or else the file's recipe of a product."""
    proposal = records.proposal(which)
    return _draft(configuration, which) if proposal is None else recipe_of(proposal.content)


def _propose(options: argparse.Namespace, configuration: Configuration, _: Files, records: SqlRecords) -> int:
    clock = make_clock(configuration.clock)
    hand = _hand(options, records, clock.now_ns)
    made = propose(records, _draft(configuration, options.product), hand, options.reason, clock.now_ns())
    print(f"{made.id}: {made.product} v{made.version} waits for a second person")
    return 0


def _review(options: argparse.Namespace, configuration: Configuration, _: Files, records: SqlRecords) -> int:
    hand = _hand(options, records, make_clock(configuration.clock).now_ns)
    made = review(records, options.proposal, hand, options.reason)
    print(f"{made.id}: {made.product} v{made.version} is reviewed by {hand.person.printed}; a third person approves")
    return 0


def _in_force(configuration: Configuration, records: SqlRecords, product: str) -> Recipe | None:
    standing = next((each for each in _standings(configuration, records) if each.product == product), None)
    return None if standing is None or standing.in_force is None else recipe_of(standing.in_force.content)


def _diff(options: argparse.Namespace, configuration: Configuration, _: Files, records: SqlRecords) -> int:
    after = _chosen(configuration, records, options.which)
    before = _in_force(configuration, records, after.product)
    told = "nothing" if before is None else f"v{before.version}"
    lines = difference(before, after)
    print(f"{after.product}: {told} in force -> v{after.version}: {len(lines)} lines differ")
    print("\n".join(lines))
    return 0


def _approve(options: argparse.Namespace, configuration: Configuration, files: Files, records: SqlRecords) -> int:
    clock = make_clock(configuration.clock)
    valid_from_ns = None if options.valid_from is None else moment("--valid-from", options.valid_from)
    hand = _hand(options, records, clock.now_ns)
    action = approve(records, options.proposal, hand, options.reason, valid_from_ns, clock.now_ns())
    answer = answer_of(files, records, action)
    if answer is not None and answer.state == "refused":
        raise Refused(f"{options.proposal}: {answer.error}")
    assert action.until_ns is not None
    since = f"in force from {format_time(action.until_ns)}"
    print(f"{options.proposal}: {since}" if answer else f"{options.proposal}: {since}, once the service runs")
    return 0


def _close(options: argparse.Namespace, configuration: Configuration, files: Files, records: SqlRecords) -> int:
    kind = ActionKind.REJECT_RANGES if options.what == "reject" else ActionKind.WITHDRAW_RANGES
    clock = make_clock(configuration.clock)
    action = close(
        records, options.proposal, _hand(options, records, clock.now_ns), kind, options.reason, clock.now_ns()
    )
    answer = answer_of(files, records, action)
    if answer is not None and answer.state == "refused":
        raise Refused(f"{options.proposal}: {answer.error}")
    print(f"{options.proposal}: {CLOSING[kind]}" + ("" if answer else ", once the service runs"))
    return 0


def _impact(options: argparse.Namespace, configuration: Configuration, files: Files, records: SqlRecords) -> int:
    after = _chosen(configuration, records, options.which)
    now_ns = make_clock(configuration.clock).now_ns()
    try:
        since_ns = now_ns - round(parse_duration_s(options.since) * SECOND_NS)
    except ValueError as error:
        raise Refused(str(error)) from error
    runs = [run for run in records.list_phases(since_ns, None, None, _MOST_RUNS) if run.start_ns >= since_ns]
    known = judging_recipes(configuration, records)
    before = {f"{recipe.product} v{recipe.version}": recipe for recipe in known}
    journal = ReadOnlyJournal(files.journal)
    history = HistoryView(files.history, journal)
    history.refresh()
    past = Past(runs, history, TagTable(journal.tags()), configuration.rulebook.units)
    print("batch\tphase\ttag\trange\tas judged\tby the proposal")
    lines = list(impact(past, before, after, now_ns))
    for line in lines:
        print(line_of(line))
    print(f"{len(runs)} phase runs since {format_time(since_ns)}: {len(lines)} ranges would have said otherwise")
    return 0
