"""What is watched on an instrument itself, whatever the process does."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TagHealth:
    """What is judged by a tag's own habits, learnt per phase and then frozen; nothing of it unless asked for."""

    stale: bool = False  # silence, against the tag's own rhythm
    frozen: bool = False  # equal values, against the tag's own runs of equal values
    noise: bool = False  # scatter lost or doubled, against the tag's own
    spike: bool = False  # single readings far off
    jump: bool = False  # a step from one reading to the next that stays
    sensor_range: bool = False  # at or beyond the ends of the instrument's range
    calibrated_ns: int | None = None  # the last good calibration
    calibration_due_ns: int | None = None
    calibration_failed_ns: int | None = None  # one that failed since then

    @property
    def learns(self) -> bool:
        """Whether anything is learnt of the tag."""
        return self.stale or self.frozen or self.noise or self.spike or self.jump


NOTHING = TagHealth()
