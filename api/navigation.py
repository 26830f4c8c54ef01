"""The pages that a person can go to from everywhere, in the order in which a shift needs them.

A page stands in the navigation as soon as its route is there: who adds a page adds its line here once, and nothing
points at what is not built.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the navigation; `path` is its route, and pages below it count as it."""

    path: str
    name: str
    title: str


PLACES: tuple[Place, ...] = (
    Place("/", "Plant", "All units at a glance"),
    Place("/alarms", "Alarms", "Every alarm that is not normal, and what was put away"),
    Place("/handover", "Hand-over", "What the next shift has to know"),
    Place("/duty", "Duty", "Who would be told now, and why"),
    Place("/performance", "Performance", "How good the alarms are: rates, floods, chattering, standing"),
    Place("/recipes", "Ranges", "Which ranges judge, and what waits for approval"),
    Place("/ranges", "Range changes", "Ranges under change control"),
    Place("/audit", "Audit", "Who did what, when and why"),
    Place("/people", "People", "Accounts and their roles"),
)


def places_of(paths: Iterable[str]) -> tuple[Place, ...]:
    """The places among the routes that there are."""
    there = frozenset(paths)
    return tuple(place for place in PLACES if place.path in there)


def current_of(places: Iterable[Place], path: str) -> str:
    """The place that a path belongs to, by its own path; empty where it is none of them."""
    for place in places:
        if path == place.path or (place.path != "/" and path.startswith(f"{place.path}/")):
            return place.path
    return ""
