"""What the audit trail says where the service itself puts an alarm away, or takes it back: nobody asked for that.

A shelf that ends, and suppression by design, keep people from being told or let them be told again; so they are in the
trail as the deeds of people are.
"""

from collections.abc import Iterator

from domain.alarms import AlarmFacts, Transition
from domain.audit import SERVICE, AuditEntry


def put_away_entries(before: AlarmFacts, said: Transition) -> Iterator[AuditEntry]:
    """The entries of a transition; none of a person's, whose deed is an entry by itself. `before`: the facts before."""
    now = said.facts
    if said.person:
        return
    if now.suppressed_by != before.suppressed_by:
        if now.suppressed:
            yield _entry(before, said, "suppress", "suppressed by design", now.suppressed_by)
        else:
            why = f"over: {before.suppressed_by}" if now.active else "the alarm is over"
            yield _entry(before, said, "suppress", "no longer suppressed", why)
    if before.shelved_until_ns is not None and now.shelved_until_ns is None:
        why = "its time was over" if said.what == "unshelved" else "it is worse than what was shelved"
        yield _entry(before, said, "unshelve", "the shelf ended", why)


def _entry(before: AlarmFacts, said: Transition, kind: str, what: str, why: str) -> AuditEntry:
    return AuditEntry(
        f"{said.id} {kind}",
        said.at_ns,
        SERVICE,
        kind,
        said.alarm,
        what,
        why,
        old=str(before.state),
        new=str(said.facts.state),
        batch=said.batch,
        origin=SERVICE,
    )
