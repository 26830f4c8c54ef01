"""What is watched on instruments, as the file writes it."""

from domain.health import TagHealth
from service.config.model import AUTO, TagText

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
    if text.kind != "number":
        return TagHealth()
    return TagHealth(
        stale="stale" in asked,
        frozen="frozen" in asked,
        noise="noise" in asked,
        spike="spike" in asked,
        jump="jump" in asked,
        sensor_range="range" in asked,
    )
