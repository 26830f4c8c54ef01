"""What is watched on instruments, as the file writes it."""

from domain.health import TagHealth
from domain.time import parse_time_ns
from service.config.shape.tags import TagText
from service.config.shape.values import AUTO

_ALL = ("stale", "frozen", "noise", "spike", "jump", "range")


def duration_of(text: int | None) -> int | None:
    """The time that a rule states; None where it states none, or `auto`."""
    return None if text == AUTO else text


def tag_health(text: TagText) -> TagHealth:
    """What is judged by a tag's own habits: `health`, and `auto` in the place of a time; a time goes before both."""
    asked = set(_ALL if text.health == "auto" else text.health)
    for name, time in (("stale", text.stale), ("frozen", text.frozen)):
        if time == AUTO:
            asked.add(name)
        elif time is not None:
            asked.discard(name)
    sensor = text.sensor
    calibrated_ns = None if sensor.calibrated is None else parse_time_ns(sensor.calibrated)
    due_ns = None if sensor.calibration_due is None else parse_time_ns(sensor.calibration_due)
    if calibrated_ns is not None and sensor.every is not None:
        due_ns = calibrated_ns + sensor.every
    is_number = text.kind == "number"
    return TagHealth(
        stale=is_number and "stale" in asked,
        frozen=is_number and "frozen" in asked,
        noise=is_number and "noise" in asked,
        spike=is_number and "spike" in asked,
        jump=is_number and "jump" in asked,
        sensor_range=is_number and "range" in asked,
        calibrated_ns=calibrated_ns,
        calibration_due_ns=due_ns,
        calibration_failed_ns=None if sensor.failed is None else parse_time_ns(sensor.failed),
    )
