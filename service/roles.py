"""The parts that a service may be run in, each as a process of its own on the same host. A role is a list of followers.

core        collectors, journal, record; trims what every follower has passed, wherever it runs
detectors   the judge of the journal, the alarm book, and who tells people
mirror      copies elsewhere
web         pages, API, event stream
"""

from collections.abc import Iterable

CORE, DETECTORS, MIRROR, WEB = ROLES = ("core", "detectors", "mirror", "web")

USUAL = ((CORE, DETECTORS, MIRROR), (WEB,))
"""The processes of `thermowell run`."""


BEHIND_THE_CORE = 5
"""The niceness of a process without the core: where processors are few, what reads much waits for what acknowledges."""


def chosen(text: str) -> tuple[str, ...]:
    """The roles of a process in their order; ValueError: no such role, or web with others."""
    named = set(text.split(","))
    if not named <= set(ROLES) or (WEB in named and len(named) > 1):
        raise ValueError(text)
    return tuple(role for role in ROLES if role in named)


def elsewhere(roles: Iterable[str]) -> tuple[str, ...]:
    """The followers that some roles leave to other processes."""
    return tuple(role for role in (DETECTORS, MIRROR) if role not in roles)


def listeners(roles: Iterable[str]) -> tuple[str, ...]:
    """The sockets of the processes that wait for what those roles commit."""
    return ("web.sock", *(f"{role}.sock" for role in elsewhere(roles)))
