"""The audit trail: list, export with schema and hash, and verify it against what was kept elsewhere."""

import argparse
import hashlib
import sys
import time
import uuid
from pathlib import Path

from domain.audit import AuditEntry, AuditQuestion, as_csv, as_json, row_of
from domain.roles import Permission, must
from records.database import SqlRecords
from service.cli.acting import acting_person, add_common, do, moment
from service.config.build import Configuration
from service.files import Files
from service.heads import kept_heads, places_of

_AT_ONCE = 10_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """List, export, verify."""
    add_common(parser)
    verbs = parser.add_subparsers(dest="what", required=True, metavar="list|export|verify")
    listing = verbs.add_parser("list", help="the newest records, newest first")
    listing.add_argument("--limit", type=int, default=50, metavar="N")
    exporting = verbs.add_parser("export", help="write records as JSON or CSV, with schema and SHA-256")
    exporting.add_argument("--format", choices=("csv", "json"), default="json")
    exporting.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="FILE.sha256 is written beside it"
    )
    for verb in (listing, exporting):
        for name in ("person", "role", "kind", "subject", "batch", "text"):
            verb.add_argument(f"--{name}", default="", metavar="TEXT")
        for name in ("start", "end"):
            verb.add_argument(f"--{name}", metavar="TIME", help="ISO 8601")
    verbs.add_parser("verify", help="prove the chain, the signatures, and that nothing was cut off")


def run(options: argparse.Namespace) -> int:
    """Do what is asked; exit 2 where it is refused."""
    return do({"list": _list, "export": _export, "verify": _verify}, options)


def _question(options: argparse.Namespace) -> AuditQuestion:
    start_ns = None if options.start is None else moment("--start", options.start)
    end_ns = None if options.end is None else moment("--end", options.end)
    words = (options.person, options.role, options.kind, options.subject, options.batch)
    return AuditQuestion(*words, start_ns, end_ns, options.text)


def _list(options: argparse.Namespace, _: Configuration, __: Files, records: SqlRecords) -> int:
    person = acting_person(options, records)
    must(person.name, person.role, Permission.READ_AUDIT)
    for record in records.find_audit(_question(options), options.limit):
        told = row_of(record)
        why = f" “{told['comment']}”" if told["comment"] else ""
        change = f" [{told['old']} → {told['new']}]" if told["old"] or told["new"] else ""
        who = f"{told['person']} ({told['role']})" if told["role"] else told["person"]
        deed = f"{told['subject']}: {told['what']}{change}{why}"
        print(f"{told['sequence']}\t{told['local']}\t{who}\t{told['kind']}\t{deed}")
    return 0


def _export(options: argparse.Namespace, _: Configuration, __: Files, records: SqlRecords) -> int:
    person = acting_person(options, records)
    must(person.name, person.role, Permission.READ_AUDIT)
    asked, now_ns = _question(options), time.time_ns()
    found = list(records.find_audit(asked, _AT_ONCE))
    while found and (more := records.find_audit(asked, _AT_ONCE, found[-1].sequence)):
        found += more
    body = as_csv(found) if options.format == "csv" else as_json(found, asked, now_ns)
    digest = hashlib.sha256(body).hexdigest()
    options.output.write_bytes(body)
    options.output.with_name(f"{options.output.name}.sha256").write_text(f"{digest}  {options.output.name}\n")
    what = f"{len(found)} audit records as {options.format}"
    comment = ", ".join(f"{name}: {value}" for name, value in asked.told().items())
    said = (person.name, "export", "audit trail", what, comment)
    records.audit(
        AuditEntry(f"export {uuid.uuid4()}", now_ns, *said, new=digest, origin=person.origin, role=person.role)
    )
    print(f"{options.output}: {what}, SHA-256 {digest}")
    return 0


def _verify(_: argparse.Namespace, configuration: Configuration, files: Files, records: SqlRecords) -> int:
    heads = kept_heads(places_of(configuration, files))
    head = records.verify_audit(heads)
    print(f"{head.records} records as they were written, against {len(heads)} kept heads; head {head.hash}")
    if not heads:
        print("no head was kept elsewhere yet: that nothing was cut off is not proven", file=sys.stderr)
    return 0
