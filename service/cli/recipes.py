"""Import master recipes from BatchML (ISA-88, ISA-95 XML) as drafts; what could not be taken is told by name."""

import argparse
import io
import sys
from pathlib import Path

from ruamel.yaml import YAML

from domain.errors import Refused
from service.config.batchml import Draft, drafts, read_xml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Import FILE.xml."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="import")
    importing = verbs.add_parser("import", help="write a BatchML master recipe as our YAML")
    importing.add_argument("file", type=Path, metavar="FILE.xml")
    importing.add_argument("--output", type=Path, metavar="FILE.yaml", help="default: standard output")


def run(options: argparse.Namespace) -> int:
    """Write the draft; say on standard error, and in the draft, what was left out."""
    found = drafts(read_xml(options.file))
    text = draft_text(options.file.name, found)
    if options.output is None:
        print(text, end="")
    elif options.output.exists():
        raise Refused(f"{options.output} is there already; it is left as it is")
    else:
        options.output.write_text(text, encoding="utf-8")
    left = [line for draft in found for line in draft.left]
    for line in left:
        print(f"{options.file}: not taken: {line}", file=sys.stderr)
    print(f"{options.file}: {len(found)} recipes, {len(left)} things not taken", file=sys.stderr)
    return 0


def draft_text(name: str, found: list[Draft]) -> str:
    """The YAML of drafts, with a comment for everything that was not taken."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.width = 120
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel types its default, None
    told = io.StringIO()
    yaml.dump({"recipes": {draft.product: draft.values() for draft in found}}, told)
    left = "".join(f"# not taken: {' '.join(line.split())}\n" for draft in found for line in draft.left)
    head = f"# A draft from {' '.join(name.split())}. Give it a change number and studies, then `thermowell check`."
    return f"{head}\n{left}{told.getvalue()}"
