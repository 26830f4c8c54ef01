"""A journal that fills up is told in time, once, and its end too."""

from domain.entries import Position
from domain.findings import Finding, Stage
from historian.journal import Usage
from service.space import SpaceWatch

HERE = Position(7)


def usage(share: float) -> Usage:
    return Usage(used_bytes=round(share * 1000), quota_bytes=1000, bytes_per_hour=100.0, hours_left=(1 - share) * 10)


def said(*shares: float, opened: Finding | None = None) -> list[Finding]:
    told: list[Finding] = []
    watch = SpaceWatch(told.append, opened)
    for at_ns, share in enumerate(shares, start=1):
        watch.look(usage(share), at_ns, HERE)
    return told


def test_it_is_told_once_with_the_hours_that_are_left():
    (finding,) = said(0.5, 0.8, 0.9, 0.75)

    assert "80% of its quota (about 2.0 h left)" in finding.message


def test_its_end_is_a_new_version_of_the_same_finding():
    opened, ended = said(0.85, 0.69)

    assert (ended.id, ended.version, ended.stage, ended.end_ns) == (opened.id, 2, Stage.CLEARED, 2)


def test_one_that_was_open_before_a_restart_is_ended():
    (opened,) = said(0.9)
    (ended,) = said(0.2, opened=opened)

    assert (ended.id, ended.stage) == (opened.id, Stage.CLEARED)


def test_without_a_quota_nothing_is_told():
    told: list[Finding] = []
    SpaceWatch(told.append, None).look(Usage(10**12, None, 1.0, 1.0), 1, HERE)

    assert told == []
