"""Warns in time that the journal comes near its quota: beyond it nothing more is acknowledged."""

from collections.abc import Callable
from dataclasses import replace

from domain.entries import Position, RowPosition
from domain.findings import Finding, FindingId, Stage
from historian.journal import Usage

RULE = "journal.space"
_WARN_ABOVE = 0.8
_QUIET_BELOW = 0.7


class SpaceWatch:
    """Opens one finding while the journal is too full; `opened` is the one that was open before a restart."""

    def __init__(self, note: Callable[[Finding], None], opened: Finding | None) -> None:
        self._note = note
        self._opened = opened

    def look(self, usage: Usage, at_ns: int, position: Position) -> None:
        """Judge the usage at a time; say what changed."""
        if not usage.quota_bytes:
            return
        share = usage.used_bytes / usage.quota_bytes
        if self._opened is None and share >= _WARN_ABOVE:
            self._opened = _finding(usage, share, at_ns, position)
            self._note(self._opened)
        elif self._opened is not None and share < _QUIET_BELOW:
            message = f"The journal is at {share:.0%} of its quota again."
            ended = replace(
                self._opened,
                version=self._opened.version + 1,
                stage=Stage.CLEARED,
                end_ns=at_ns,
                at_ns=at_ns,
                message=message,
            )
            self._opened = None
            self._note(ended)


def _finding(usage: Usage, share: float, at_ns: int, position: Position) -> Finding:
    left = f"about {usage.hours_left:.1f} h left" if usage.hours_left < 1e6 else "it does not grow now"
    return Finding(
        id=FindingId(f"{RULE}/journal///{at_ns}"),
        version=1,
        rule=RULE,
        subject="journal",
        stage=Stage.OPEN,
        onset_ns=at_ns,
        end_ns=None,
        at_ns=at_ns,
        detected=RowPosition(position, 0),
        message=f"The journal is at {share:.0%} of its quota ({left}); when it is full nothing more is acknowledged.",
        evidence={"used_bytes": usage.used_bytes, "quota_bytes": usage.quota_bytes, "hours_left": usage.hours_left},
    )
