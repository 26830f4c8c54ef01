"""The plant's clock: times on pages as people there read them, with the offset where the clock shows one twice.

`static/js/zone.js` says the same of what is filled in later.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class PlantClock:
    """What the clock of a zone shows; times are in ms since 1970."""

    zone: str

    def moment(self, ms: int) -> str:
        """`2026-11-23 02:15:08`; with `+01:00` behind it in the hours that the clock shows twice."""
        at = self._shown(ms)
        offsets = [self._shown(ms + side).utcoffset() for side in (-_HOUR_MS, 0, _HOUR_MS)]
        is_double = offsets != sorted(offsets)  # type: ignore[type-var]  # a zone is known: each has one
        return f"{at:%Y-%m-%d %H:%M:%S}{_offset(at) if is_double else ''}"

    def time(self, ms: int) -> str:
        """`02:15 +01:00`, or `02:15 UTC`."""
        at = self._shown(ms)
        return f"{at:%H:%M}{' UTC' if self.zone == 'UTC' else _offset(at)}"

    def _shown(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms // 1000, UTC).astimezone(ZoneInfo(self.zone))


def _offset(at: datetime) -> str:
    return f" {at.isoformat()[-6:]}"
