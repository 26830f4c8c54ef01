"""What differs between two versions of a recipe, line by line, for the person who approves."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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
            if key == "expects":
                yield from ((f"{path}.{key}.{one['role']}", _expectation(one)) for one in each)
                continue
            if key == "procedure" and not path:
                yield from _steps("procedure", each)
                continue
            hidden = key in ("parameters", "ranges")
            yield from _leaves(path if hidden else f"{path}.{key}".removeprefix("."), each)
    elif told not in ("", None, []):
        yield path, _words(path, told)


def _words(path: str, told: object) -> str:
    """A value as people read it; durations are kept in ns."""
    if path.endswith("_ns") and isinstance(told, int):
        return format_duration(told)
    if isinstance(told, list) and all(isinstance(each, str) for each in told):
        return ", ".join(told)
    if isinstance(told, list):
        is_time = ".duration" in path or (".dwells." in path and "within" not in path)
        return _interval(told, is_time=is_time)
    return json.dumps(told, ensure_ascii=False)


def _interval(told: list[Any], *, is_time: bool) -> str:
    """`[55.0, 65.0)`: a round bracket beside an end that is outside."""
    low, high, *ends = told
    before, after = ends[0] if ends else "[]"
    sides = ("none" if each is None else format_duration(each) if is_time else json.dumps(each) for each in (low, high))
    return before + ", ".join(sides) + after


_EXPECTED = {
    "above": "above {:g}",
    "below": "below {:g}",
    "rises_per_min": "rises {:g}/min",
    "falls_per_min": "falls {:g}/min",
    "steady_per_min": "steady within {:g}/min",
    "until": "until {:g}",
}


def _expectation(told: Mapping[str, Any]) -> str:
    """`above 90, after 3 min, for 2 min`, in the tag's unit."""
    parts = [words.format(told[key]) for key, words in _EXPECTED.items() if told[key] is not None]
    times = (("after", told["after_ns"]), ("for", told["for_ns"]))
    return ", ".join([*parts, *(f"{word} {format_duration(time_ns)}" for word, time_ns in times if time_ns)])


def _steps(path: str, steps: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """A line for each unit procedure, by its place; paths beside each other are `1|1`, `1|2`."""
    for number, step in enumerate(steps, start=1):
        if "parallel" in step:
            for beside, each in enumerate(step["parallel"], start=1):
                yield from _steps(f"{path}.{number}|{beside}", each)
            continue
        operations = "; ".join(f"{each['name']} ({', '.join(each['phases'])})" for each in step["operations"])
        on = f" on {' or '.join(step['units'])}" if step["units"] else ""
        yield f"{path}.{number}", f"{step['name']}{on}: {operations}"
