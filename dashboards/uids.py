"""Ids of what Grafana has of ours: they follow from site and subject, so that it is the same each time."""

import hashlib


def stable_uid(*parts: str) -> str:
    """What Grafana takes as an id: 40 characters at most."""
    return "tw-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def folder_uid(site: str) -> str:
    """The folder of a site's dashboards."""
    return stable_uid("folder", site)


def board_uid(site: str, subject: str) -> str:
    """A dashboard of a site by its subject, such as `overview` or `batch`."""
    return stable_uid("board", site, subject)


def unit_uid(site: str, unit: str) -> str:
    """A unit's dashboard."""
    return stable_uid("unit", site, unit)
