"""Alarms in the words of what is known of their findings now, read from the database."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select, tuple_

from domain.alarms import Transition
from domain.current_words import in_words_of, spoken_of
from domain.findings import Finding, Stage
from records.chunks import in_chunks
from records.findings import from_row
from records.tables import findings, findings_now

_NEWEST = select(findings).join(findings_now, findings_now.c.sequence == findings.c.sequence)

_Version = tuple[str, int]


def in_current_words(connection: Connection, said: Sequence[Transition]) -> list[Transition]:
    """The newest transitions of some alarms, each in the newest words of the finding that it is about now."""
    stale = _stale(connection, said)
    if not stale:
        return list(said)
    own = _newest_of(connection, {each.finding for each in stale})
    over = {each.subject for each in stale if each.facts.active and own[each.finding].stage is not Stage.OPEN}
    standing = _standing(connection, over)
    then = _sentences(connection, {_version(each) for each in stale})
    told: dict[str, Transition] = {}
    for each in stale:
        now = spoken_of(each, own[each.finding], standing)
        if (now.id, now.version) != _version(each):
            told[each.id] = in_words_of(each, then.get(_version(each), each.message), now)
    return [told.get(each.id, each) for each in said]


def _version(said: Transition) -> _Version:
    return (said.finding, said.finding_version)


def _stale(connection: Connection, said: Sequence[Transition]) -> list[Transition]:
    """Those whose finding has another version by now, or is over, or back, while they are active: mostly few."""
    newest: dict[str, tuple[int, str]] = {}
    columns = select(findings_now.c.id, findings_now.c.version, findings_now.c.stage)
    for chunk in in_chunks(sorted({each.finding for each in said if each.finding})):
        for row in connection.execute(columns.where(findings_now.c.id.in_(chunk))):
            newest[row.id] = (row.version, row.stage)
    return [
        each
        for each in said
        if each.finding in newest
        and (
            newest[each.finding][0] != each.finding_version
            or (each.facts.active and newest[each.finding][1] != Stage.OPEN)
        )
    ]


def _newest_of(connection: Connection, ids: Collection[str]) -> dict[str, Finding]:
    found: dict[str, Finding] = {}
    for chunk in in_chunks(sorted(ids)):
        for row in connection.execute(_NEWEST.where(findings_now.c.id.in_(chunk))).mappings():
            found[row["id"]] = from_row(row)
    return found


def _standing(connection: Connection, subjects: Collection[str]) -> list[Finding]:
    """What is not cleared, of some subjects."""
    found: list[Finding] = []
    for chunk in in_chunks(sorted(subjects)):
        query = _NEWEST.where(findings_now.c.subject.in_(chunk), findings_now.c.stage != Stage.CLEARED)
        found += [from_row(row) for row in connection.execute(query).mappings()]
    return found


def _sentences(connection: Connection, versions: Collection[_Version]) -> dict[_Version, str]:
    """What some versions of findings said."""
    found: dict[_Version, str] = {}
    for chunk in in_chunks(sorted(versions)):
        query = select(findings.c.id, findings.c.version, findings.c.message)
        for row in connection.execute(query.where(tuple_(findings.c.id, findings.c.version).in_(chunk))):
            found[row.id, row.version] = row.message
    return found
