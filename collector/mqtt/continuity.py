"""What may be missing after an absence, judged from what the broker says and does. Pure: times come as arguments.

- The session is gone: everything between the last sign of the broker and the new subscription is missing.
- The session was kept, and fewer new messages waited than the broker is known to keep: nothing is missing.
- The session was kept, and as many waited as it keeps, or more: some may have been dropped.
- Messages come with QoS 0: a broker does not keep them for an absent client, so some may have been dropped.
- The broker itself was down: what it still has depends on when it last saved.
"""

from dataclasses import dataclass, field

from domain.entries import Gap, GapCause

_MOST_ABSENCES = 16


@dataclass(slots=True)
class Continuity:
    """One source's account of when it was heard, kept over restarts. All times are ns of the source's clock."""

    source: str
    broker_queue: int
    heard_ns: int | None = None  # the last sign of the broker, before an absence while there is one
    qos0: bool = False  # messages without delivery guarantee have been seen
    absences: list[tuple[int, int]] = field(default_factory=list)  # ended, and not yet judged
    waited: int = 0  # new messages since the first of these absences ended
    open_gap: Gap | None = None
    away: bool = True
    stopped: bool = True  # the absence is our own: this process has not been connected yet

    def heard(self, now_ns: int) -> None:
        """The broker has said something."""
        if not self.away:
            self.heard_ns = now_ns

    def disconnected(self) -> None:
        """The connection is gone; `heard_ns` stays where it is until the next one."""
        self.away = True

    def kept(self, now_ns: int, *, broker_was_down: bool) -> list[Gap]:
        """We are back and the session is the one we left."""
        start_ns = self._back(now_ns)
        if start_ns is None:
            return []
        if broker_was_down:
            return [self._possible(start_ns, now_ns, "the broker was down; what it kept depends on its last save")]
        if self.qos0:
            return [self._possible(start_ns, now_ns, "messages come with QoS 0, which a broker does not keep")]
        self.absences.append((start_ns, now_ns))
        if len(self.absences) > _MOST_ABSENCES:
            self.absences[:2] = [(self.absences[0][0], self.absences[1][1])]
        return []

    def lost(self, now_ns: int) -> list[Gap]:
        """We are back in a session without our subscriptions: the gap is open until they are made again."""
        cause = GapCause.STOPPED if self.stopped else GapCause.DISCONNECT
        start_ns = self._back(now_ns)
        unjudged, self.absences, self.waited = self.absences, [], 0
        gaps = [
            self._possible(start, end, "the session was lost before its backlog could be counted")
            for start, end in unjudged
        ]
        if start_ns is None:
            return gaps
        if self.open_gap is None:
            self.open_gap = Gap(
                _gap_id(self.source, cause, start_ns),
                self.source,
                None,
                start_ns,
                None,
                cause,
                "the broker no longer had our session",
            )
        return [*gaps, self.open_gap]

    def subscribed(self, now_ns: int) -> list[Gap]:
        """The subscriptions stand: an open gap ends."""
        if self.open_gap is None:
            return []
        gap, self.open_gap = self.open_gap, None
        return [Gap(gap.id, gap.source, gap.tag, gap.start_ns, now_ns, gap.cause, gap.detail)]

    def took(self, fresh: int) -> list[Gap]:
        """So many messages came that the broker had not sent before."""
        if not self.absences:
            return []
        self.waited += fresh
        if self.waited < self.broker_queue:
            return []
        detail = f"{self.waited} messages or more waited, and the broker may keep only {self.broker_queue}"
        gaps = [self._possible(start, end, detail) for start, end in self.absences]
        self.absences, self.waited = [], 0
        return gaps

    def caught_up(self) -> None:
        """What waited has arrived, and it was less than the broker keeps: nothing was dropped."""
        self.absences, self.waited = [], 0

    def _back(self, now_ns: int) -> int | None:
        """Note that we are connected; the start of the absence, None at the very first connection."""
        start_ns, self.heard_ns = self.heard_ns, now_ns
        self.away = self.stopped = False
        return None if start_ns is None else min(start_ns, now_ns)

    def _possible(self, start_ns: int, end_ns: int, detail: str) -> Gap:
        return Gap(_gap_id(self.source, GapCause.POSSIBLE, start_ns), self.source, None, start_ns, end_ns,
                   GapCause.POSSIBLE, detail)  # fmt: skip


def _gap_id(source: str, cause: GapCause, start_ns: int) -> str:
    """Stable over restarts, so that closing a gap finds it."""
    return f"{source}:{cause}:{start_ns}"
