"""What differs between two versions of a recipe, line by line, for the person who approves."""

import json
from collections.abc import Iterator

from domain.recipe_content import canonical
from domain.recipes import Recipe
from domain.time import format_duration

_NAMED_TWICE = {"name", "parameter", "format"}


def difference(before: Recipe | None, after: Recipe) -> list[str]:
    """Lines such as `~ phases.dose.TT.validated: [55.0, 65.0] -> [56.0, 65.0]`; + is new, - is gone."""
    old = {} if before is None else dict(_leaves("", json.loads(canonical(before))))
    new = dict(_leaves("", json.loads(canonical(after))))
    lines = []
    for path in sorted({*old, *new}):
        was, is_now = old.get(path), new.get(path)
        if path not in old:
            lines.append(f"+ {path}: {is_now}")
        elif path not in new:
            lines.append(f"- {path}: {was}")
        elif was != is_now:
            lines.append(f"~ {path}: {was} -> {is_now}")
    return lines


def _leaves(path: str, told: object) -> Iterator[tuple[str, str]]:
    """Every value by its path, as people read it; what is empty is left out."""
    if isinstance(told, dict):
        for key, each in told.items():
            if key in _NAMED_TWICE and path:
                continue
            hidden = key in ("parameters", "ranges")
            yield from _leaves(path if hidden else f"{path}.{key}".removeprefix("."), each)
    elif told not in ("", None, []):
        yield path, _words(path, told)


def _words(path: str, told: object) -> str:
    """A value as people read it; durations are kept in ns."""
    if path.endswith("_ns") and isinstance(told, int):
        return format_duration(told)
    if isinstance(told, list) and (path.endswith(".duration") or ".dwells." in path) and "within" not in path:
        return "[" + ", ".join("none" if each is None else format_duration(each) for each in told) + "]"
    return json.dumps(told, ensure_ascii=False).replace("null", "none")
