"""What an alarm says now: a transition keeps what was told then, and its finding goes on to have newer versions."""

from collections.abc import Iterable
from dataclasses import replace

from domain.alarms import Transition
from domain.findings import Finding, Stage


def in_words_of(said: Transition, then: str, now: Finding) -> Transition:
    """The transition in the words and figures of this version of a finding: nothing happened to the alarm.

    `then`: the sentence of the version that the transition was made of. What was said beside it (`With it: …`) stays.
    """
    beside = said.message.removeprefix(then) if said.message.startswith(then) else ""
    return replace(
        said,
        message=now.message + beside,
        finding=now.id,
        finding_version=now.version,
        unit=now.unit,
        batch=now.batch,
        phase=now.phase,
    )


def spoken_of(said: Transition, own: Finding, standing: Iterable[Finding]) -> Finding:
    """The finding that an alarm is about now. `own`: the newest version of the one that its transition names.

    Where the alarm is active and that is over, another one of `standing` (what is not cleared) keeps it so: nothing was
    said of that, as it is no worse. The one that began last is what a person can still look at. While a value has come
    back and not far enough to clear, only what is open goes before it.
    """
    if own.stage is Stage.OPEN or not said.facts.active:
        return own
    others = [
        each
        for each in standing
        if (each.subject, each.rule) == (said.subject, said.rule)
        and (each.stage is Stage.OPEN or own.stage is Stage.CLEARED)
    ]
    return max(others, key=lambda each: (each.onset_ns, each.id), default=own)
