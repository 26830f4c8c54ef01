"""Learned models: train one on a span of the record, evaluate it on another, approve it as a second person, list."""

import argparse
import json
import shutil
import uuid
from pathlib import Path

from detectors.models.watch import fitted
from domain.approvals import same_person
from domain.entries import ActionKind, PersonAction
from domain.errors import Refused
from domain.models import Model
from domain.roles import Permission
from domain.tags import TagTable
from domain.time import format_time
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from records.database import SqlRecords
from service.cli.acting import acting_person, add_common, answer_of, do, moment
from service.clock import make_clock
from service.config.build import Configuration
from service.config.models import differs
from service.config.shape.models import ModelText
from service.files import Files
from service.models.files import installed, read_model, write_model
from service.models.runs import PhaseRun, measures_of, runs_of
from service.models.training import Training, alarms_in, measured, ratios_of, train

_MOST_AUDIT = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Train, evaluate, approve, list."""
    add_common(parser)
    verbs = parser.add_subparsers(dest="what", required=True, metavar="train|evaluate|approve|list")
    training = verbs.add_parser("train", help="fit a model of the configuration to a span of the record")
    training.add_argument("name")
    training.add_argument("--out", type=Path, required=True, metavar="FILE")
    evaluating = verbs.add_parser("evaluate", help="let a model judge a span of the record, as JSON")
    evaluating.add_argument("file", type=Path)
    for verb in (training, evaluating):
        verb.add_argument("--from", dest="start", required=True, metavar="TIME", help="ISO 8601, or ns since 1970")
        verb.add_argument("--to", dest="end", required=True, metavar="TIME", help="the first moment left out")
        verb.add_argument("--without", action="append", default=[], metavar="BATCH", help="a batch to leave out")
    approving = verbs.add_parser("approve", help="let a model judge: not by whoever trained it")
    approving.add_argument("file", type=Path)
    approving.add_argument("--reason", required=True)
    verbs.add_parser("list", help="what was put before people, and what became of it")


def run(options: argparse.Namespace) -> int:
    """Do what is asked; exit 2 where it is refused."""
    return do({"train": _train, "evaluate": _evaluate, "approve": _approve, "list": _list}, options)


def _span(options: argparse.Namespace) -> tuple[int, int]:
    return moment("--from", options.start), moment("--to", options.end)


def _runs(
    options: argparse.Namespace, text: ModelText, configuration: Configuration, files: Files, records: SqlRecords
) -> tuple[list[PhaseRun], list[str]]:
    """The runs of a span, and what their parameters were counted in."""
    span = _span(options)
    journal = ReadOnlyJournal(files.journal)
    definitions = (each for _, each in journal.definitions(journal.last()))
    measures = measures_of(text, configuration.rulebook, definitions, span)
    history = HistoryView(files.history, journal)
    history.refresh()
    tags = TagTable(journal.tags())
    return runs_of(text, configuration.rulebook, tags, records, history, span, options.without), measures


def _text(configuration: Configuration, name: str) -> ModelText:
    text = configuration.models.get(name)
    if text is None:
        raise Refused(f"the configuration has no model {name!r}; it has {', '.join(configuration.models) or 'none'}")
    return text


def _fitting(configuration: Configuration, model: Model) -> ModelText:
    """The configuration's text of a model. Refused where the model is of something else."""
    text = _text(configuration, model.name)
    tags = {tag.name: tag for tag in configuration.tags}
    difference = differs(model.name, text, model, configuration.rulebook, tags)
    if difference:
        raise Refused(f"{model.version} is no model of what the configuration says: {difference}")
    return text


def _train(options: argparse.Namespace, configuration: Configuration, files: Files, records: SqlRecords) -> int:
    person = acting_person(options, records)
    text = _text(configuration, options.name)
    runs, measures = _runs(options, text, configuration, files, records)
    who = Training(options.name, person.name, make_clock(configuration.clock).now_ns(), *_span(options))
    trained = train(text, runs, who, measures)
    hash_ = write_model(options.out, trained.description, trained.arrays)
    told = trained.description
    print(
        f"{options.out}: model {options.name} {hash_[:12]} of {len(told.runs)} runs: fitted to {told.fitted_runs}, "
        f"limits from each of them by a model of the others, measured on the rest: {json.dumps(told.metrics)}"
    )
    return 0


def _evaluate(options: argparse.Namespace, configuration: Configuration, files: Files, records: SqlRecords) -> int:
    model = read_model(options.file).model
    text = _fitting(configuration, model)
    runs, measures = _runs(options, text, configuration, files, records)
    if model.measures and list(model.measures) != measures:
        raise Refused(f"{options.file}: it knows its tags in {list(model.measures)}, the record is in {measures}")
    inner = fitted(model)
    ratios = ratios_of(text, inner, runs)
    told = {
        "model": model.name,
        "hash": model.hash,
        "metrics": measured(text, inner, runs),
        "alarms": {instance: alarms_in(text, each) for instance, each in ratios.items()},
    }
    print(json.dumps(told, indent=1))
    return 0


def _approve(options: argparse.Namespace, configuration: Configuration, files: Files, records: SqlRecords) -> int:
    person, model = acting_person(options, records), read_model(options.file).model
    person.must(Permission.APPROVE_MODELS)
    if same_person(person.name, model.trainer):
        raise Refused(f"{person.name} trained {model.name}: a second person approves")
    if not options.reason.strip():
        raise Refused("an approval needs a reason")
    _fitting(configuration, model)
    place = files.models / f"{model.hash}.npz"
    if not place.exists():
        beside = place.with_suffix(".part")
        shutil.copyfile(options.file, beside)
        beside.replace(place)
    now_ns = make_clock(configuration.clock).now_ns()
    action = PersonAction(
        uuid.uuid4().hex, now_ns, person.name, ActionKind.APPROVE_MODEL, model.hash, options.reason.strip()
    )
    records.request(action, person)
    answer = answer_of(files, records, action)
    if answer is not None and answer.state == "refused":
        raise Refused(f"{model.version}: {answer.error}")
    when = "from the next run of its phase on" if answer else "once the service runs, from the next run of its phase on"
    print(f"model {model.version} judges {when}")
    return 0


def _list(_: argparse.Namespace, configuration: Configuration, files: Files, records: SqlRecords) -> int:
    approvals = {
        each.entry.subject: each.entry
        for each in reversed(records.list_audit(_MOST_AUDIT))
        if each.entry.kind == ActionKind.APPROVE_MODEL and not each.entry.what.endswith("refused")
    }
    approved = [each.model for each in installed(files.models) if each.model.hash in approvals]
    approved.sort(key=lambda model: approvals[model.hash].at_ns)
    newest = {model.name: model.hash for model in approved}
    present = installed(files.models)
    if not present and not configuration.models:
        print("no model: the configuration has no `models` section, and none is approved")
    for each in present:
        entry = approvals.get(each.model.hash)
        standing = "waits for the service"
        if entry is not None:
            judges = newest[each.model.name] == each.model.hash
            by = f"approved by {entry.person} {format_time(entry.at_ns)}: {entry.comment}"
            standing = f"{'judges' if judges else 'was replaced'}, {by}"
        _print(each.model.version, each.model.trainer, standing)
    for name, model in configuration.rulebook.models.items():
        if model.hash not in approvals:
            _print(model.version, model.trainer, f"advisory: the file of {name} is not approved")
    for name, text in configuration.models.items():
        if text.file is None:
            _print(name, "", "not trained")
    return 0


def _print(version: str, trainer: str, standing: str) -> None:
    print(f"{version}\t{f'trained by {trainer}' if trainer else ''}\t{standing}")
