"""Who hears of which transition, and in which words. Pure: the same transition gives the same notices again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from domain.alarms import Notice, Transition
from domain.rules import Priority
from domain.time import format_duration, format_time


@dataclass(frozen=True, slots=True)
class Audience:
    """People behind one channel: they hear of alarms of this priority or worse.

    `returns`, `acknowledgements`: also when an alarm returns to normal, and when somebody acknowledges it (then the
    alarm's priority at that moment decides).
    """

    channel: str
    priority: Priority = Priority.HIGH
    returns: bool = False
    acknowledgements: bool = False

    def hears(self, transition: Transition) -> bool:
        """Tell whether these people are told of it."""
        facts = transition.facts
        put_away = facts.shelved_until_ns is not None or facts.suppressed or facts.out_of_service
        if put_away or transition.priority > self.priority:
            return False
        match transition.what:
            case "activated" | "severity":
                return True
            case "unshelved":
                # Whoever takes a shelf away sees the alarm; when the shelf ends by itself, nobody looks.
                return facts.active and not facts.acknowledged and not transition.person
            case "returned":
                return self.returns
            case "acknowledged":
                return self.acknowledgements
            case _:
                return False


@dataclass(frozen=True, slots=True)
class Wording:
    """What every notice of this service says: its site, whether the plant is simulated, and where the page is."""

    site: str = ""
    simulated: bool = False
    page_url: str = ""  # "http://127.0.0.1:8087"; empty: no link


def notices_for(transition: Transition, audiences: Iterable[Audience], wording: Wording | None = None) -> list[Notice]:
    """One notice per channel that hears of the transition; ids are stable, so the outbox holds each once."""
    wording = wording or Wording()
    return [
        Notice(
            id=f"{transition.id}@{audience.channel}",
            channel=audience.channel,
            title=title_of(transition, wording),
            text=text_of(transition, wording),
            transition=transition.id,
            at_ns=transition.at_ns,
            priority=transition.priority,
        )
        for audience in audiences
        if audience.hears(transition)
    ]


def notices_for_all(
    transitions: Sequence[Transition], audiences: Sequence[Audience], wording: Wording | None = None
) -> list[Notice]:
    """The notices of several transitions, in their order."""
    return [notice for transition in transitions for notice in notices_for(transition, audiences, wording)]


def title_of(transition: Transition, wording: Wording) -> str:
    """One line that is enough to decide whether to get up: how bad, where, what."""
    priority = transition.priority.name
    lead = {
        "activated": f"{priority}:",
        "severity": f"Now {priority}:",
        "unshelved": f"{priority}, still active after its shelf:",
        "returned": "Returned to normal:",
        "acknowledged": f"Acknowledged by {transition.person}:",
    }.get(transition.what, f"{transition.what}:")
    what = " ".join(word for word in (lead, transition.subject, transition.name) if word)
    again = f" (occurrence {transition.occurrence})" if transition.occurrence > 1 else ""
    return f"{'SIMULATED ' if wording.simulated else ''}{what}{again}"


def text_of(transition: Transition, wording: Wording) -> str:
    """What, where, value against limit; since when; what it means and what to do; and the id that proves it."""
    facts = transition.facts
    place = [
        ("site", wording.site),
        ("unit", transition.unit),
        ("batch", transition.batch),
        ("phase", transition.phase),
    ]
    link = f"{wording.page_url.rstrip('/')}/alarms/{quote(transition.alarm, safe='~')}" if wording.page_url else ""
    within = transition.respond_within_ns
    lines = [
        transition.message,
        "SIMULATED: this is a simulated plant." if wording.simulated else "",
        ", ".join(f"{what} {name}" for what, name in place if name),
        _since(transition),
        f"It is {'active' if facts.active else 'not active'},"
        f" {'acknowledged' if facts.acknowledged else 'not acknowledged'}."
        + (f" Occurrence {transition.occurrence}." if transition.occurrence > 1 else ""),
        f"{transition.person}: {transition.comment}" if transition.person else "",
        f"Cause: {transition.cause}" if transition.cause else "",
        f"Consequence: {transition.consequence}" if transition.consequence else "",
        f"Action: {transition.action}" if transition.action else "",
        "" if within is None or not facts.active else f"Respond within {format_duration(within)}.",
        f"Transition {transition.id}",
        link,
    ]
    return "\n".join(line for line in lines if line)


def _since(transition: Transition) -> str:
    if transition.since_ns is None:
        return ""
    lasted_ns = transition.at_ns - transition.since_ns
    lasting = f" ({format_duration(lasted_ns)})" if lasted_ns > 0 else ""
    return f"Since {format_time(transition.since_ns)}{lasting}"
