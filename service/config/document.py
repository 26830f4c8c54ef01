"""A configuration as plain values, with the place in a file of every one of them."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from domain.errors import Complaint, ConfigError

Plain = dict[str, "Plain"] | list["Plain"] | str | int | float | bool | None
PathKey = tuple[str, ...]

_MOST_INCLUDES = 1000
_YAML_TAG = "tag:yaml.org,2002:"
_USUAL_TAGS = tuple(
    f"{_YAML_TAG}{name}" for name in ("map", "omap", "seq", "str", "int", "float", "bool", "null", "timestamp")
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands; line and column from 1."""

    file: str
    line: int
    column: int


@dataclass(slots=True)
class Document:
    """The merged values of a file and all that it includes; every path knows its place."""

    values: dict[str, Plain] = field(default_factory=dict)
    places: dict[PathKey, Place] = field(default_factory=dict)
    file: str = ""
    text: str = ""
    files: list[Path] = field(default_factory=list)  # the file, and all that it includes

    def place(self, path: PathKey) -> Place:
        """The place of a path, or of its nearest parent that has one."""
        for length in range(len(path), -1, -1):
            found = self.places.get(path[:length])
            if found is not None:
                return found
        return Place(self.file, 1, 1)

    def complain(self, path: PathKey, message: str) -> Complaint:
        """A complaint about the value at a path."""
        place = self.place(path)
        return Complaint(place.file, place.line, place.column, ".".join(path) or "(file)", message)


def read_document(file: Path) -> Document:
    """Read a YAML file and its includes (`include: [tags.csv, recipes/*.yaml]`); ConfigError says what is wrong."""
    document = Document(file=str(file))
    _take_yaml(document, file)
    if not document.values:
        message = "says nothing: a service needs a `site`, `sources` and tags (docs/configuration.md begins with them)"
        raise ConfigError((Complaint(str(file), 1, 1, "(file)", message),))
    patterns = document.values.pop("include", None) or []
    if not isinstance(patterns, list):
        raise ConfigError((document.complain(("include",), "must be a list of files or patterns"),))
    for index, pattern in enumerate(patterns):
        for included in _included_files(document, file.parent, index, str(pattern)):
            _take_csv(document, included) if included.suffix == ".csv" else _take_yaml(document, included)
    return document


def _included_files(document: Document, folder: Path, index: int, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))[:_MOST_INCLUDES]
    if not found:
        raise ConfigError((document.complain(("include", str(index)), f"no file matches {pattern!r}"),))
    return found


def _take_yaml(document: Document, file: Path) -> None:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError((Complaint(str(file), 1, 1, "(file)", f"cannot be read: {error}"),)) from error
    document.text += text
    document.files.append(file.resolve())
    try:
        tree = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        mark, first = error.problem_mark, error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        key = str(error.problem).partition('"')[2].partition('"')[0]
        since = f", in the mapping that begins in line {first.line + 1}" if first else ""
        message = f"the key {key!r} stands twice{since}: one of them would be lost"
        raise ConfigError((Complaint(str(file), line, column, "(yaml)", message),)) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = " ".join(str(error.problem or error).split())
        raise ConfigError((Complaint(str(file), line, column, "(yaml)", message),)) from error
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"the character U+{ord(text[error.position]):04X} may not stand in YAML"
        raise ConfigError((Complaint(str(file), line, column, "(yaml)", message),)) from error
    except YAMLError as error:
        message = " ".join(str(error).split())
        raise ConfigError((Complaint(str(file), 1, 1, "(yaml)", message),)) from error
    except RecursionError as error:
        raise ConfigError((Complaint(str(file), 1, 1, "(yaml)", "is nested too deeply"),)) from error
    if tree is None:
        tree = CommentedMap()
    if not isinstance(tree, CommentedMap):
        raise ConfigError((Complaint(str(file), 1, 1, "(file)", "must be a mapping at its top level"),))
    _merge(document, file, tree)


def _merge(document: Document, file: Path, tree: CommentedMap) -> None:
    """Put a file's sections beside what is there; the same name in two files is refused."""
    places: dict[PathKey, Place] = {}
    try:
        values = _plain(tree, (), str(file), places)
    except RecursionError as error:  # an alias to what it stands in
        raise ConfigError((Complaint(str(file), 1, 1, "(yaml)", "contains itself"),)) from error
    assert isinstance(values, dict)
    for section, content in values.items():
        before = document.values.get(section)
        if isinstance(before, dict) and isinstance(content, dict):
            twice = sorted(set(before) & set(content))
            if twice:
                path = (section, twice[0])
                first = document.place(path)
                place = places[path]
                message = f"is already defined in {first.file}:{first.line}"
                raise ConfigError((Complaint(place.file, place.line, place.column, ".".join(path), message),))
            before.update(content)
        elif section in document.values:
            place = places[section,]
            first = document.place((section,))
            message = f"is already given in {first.file}:{first.line}"
            raise ConfigError((Complaint(place.file, place.line, place.column, section, message),))
        else:
            document.values[section] = content
    document.places.update({path: place for path, place in places.items() if path not in document.places})


def _plain(node: object, path: PathKey, file: str, places: dict[PathKey, Place]) -> Plain:
    """Plain values of a YAML node; keys become text; places are noted on the way."""
    tag = getattr(getattr(node, "tag", None), "value", None)
    if tag is not None and not str(tag).startswith(_USUAL_TAGS) and path:
        place = places[path]
        name = str(tag).replace(_YAML_TAG, "!!")
        reason = f"the tag {name} is not known: values are plain text, numbers, lists and mappings"
        raise ConfigError((Complaint(file, place.line, place.column, ".".join(path), reason),))
    if isinstance(node, CommentedMap):
        result: dict[str, Plain] = {}
        for key, value in node.items():
            inner = (*path, str(key))
            line, column = node.lc.key(key) if key in (node.lc.data or {}) else (node.lc.line, node.lc.col)
            places[inner] = Place(file, line + 1, column + 1)
            result[str(key)] = _plain(value, inner, file, places)
        return result
    if isinstance(node, CommentedSeq):
        items: list[Plain] = []
        for index, value in enumerate(node):
            inner = (*path, str(index))
            line, column = node.lc.item(index) if node.lc.data else (node.lc.line, node.lc.col)
            places[inner] = Place(file, line + 1, column + 1)
            items.append(_plain(value, inner, file, places))
        return items
    if isinstance(node, bool) or node is None:
        return node
    if isinstance(node, int):
        return int(node)
    if isinstance(node, float):
        return float(node)
    return str(node)


def _take_csv(document: Document, file: Path) -> None:
    """Tags as a table: a `name` column, the others as a tag's keys; empty cells are left out."""
    tags = document.values.setdefault("tags", {})
    if not isinstance(tags, dict):
        raise ConfigError((document.complain(("tags",), "must be a mapping of tags"),))
    document.places.setdefault(("tags",), Place(str(file), 1, 1))
    document.files.append(file.resolve())
    for line, row in _csv_rows(file):
        name = row.pop("name", "")
        path = ("tags", name)
        if not name or name in tags:
            reason = f"tag {name!r} is already defined" if name else "a row without a name"
            raise ConfigError((Complaint(str(file), line, 1, "tags", reason),))
        tags[name] = {key: value for key, value in row.items() if value not in ("", None)}
        document.places[path] = Place(str(file), line, 1)
        column = 1
        for key, value in row.items():
            document.places[*path, key] = Place(str(file), line, column)
            column += len(value or "") + 1


def _csv_rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError((Complaint(str(file), 1, 1, "(file)", f"cannot be read: {error}"),)) from error
    lines = list(io.StringIO(text))
    start = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))
    reader = csv.DictReader(lines[start:])
    if reader.fieldnames is None or "name" not in reader.fieldnames:
        raise ConfigError(
            (Complaint(str(file), start + 1, 1, "tags", "the first row must name the columns, among them `name`"),)
        )
    for row in reader:
        if not any((value or "").strip() for value in row.values() if isinstance(value, str)):
            continue
        if None in row:
            raise ConfigError(
                (Complaint(str(file), start + reader.line_num, 1, "tags", "has more cells than the first row"),)
            )
        yield start + reader.line_num, {key: (value or "").strip() for key, value in row.items()}
