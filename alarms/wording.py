"""What a message says, in the language and the time zone of who reads it. Pure: the same gives the same words again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from urllib.parse import quote

from alarms.phrases import ENGLISH, phrase
from domain.alarms import Notice, Transition
from domain.time import SECOND_NS, format_duration, format_time

_LINES = 50


@dataclass(frozen=True, slots=True)
class Wording:
    """What every notice of this service says: its site, whether the plant is simulated, and where the page is."""

    site: str = ""
    simulated: bool = False
    page_url: str = ""  # "http://127.0.0.1:8087"; empty: no link


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: a language, a time zone, and what texts of the configuration are called in that language."""

    language: str = "en"
    zone: tzinfo = UTC
    translations: Mapping[str, str] = field(default_factory=dict)

    def says(self, key: str, **words: object) -> str:
        """One of the service's own sentences."""
        return phrase(self.language, key, **words)

    def own(self, text: str) -> str:
        """A text of the configuration in this language, where it was given in it."""
        return self.translations.get(text, text)

    def time(self, time_ns: int) -> str:
        """A moment as this reader's clock shows it, with the zone's name and its distance to UTC."""
        if self.zone is UTC:
            return format_time(time_ns)
        local = datetime.fromtimestamp(time_ns // SECOND_NS, self.zone)
        name, offset = local.tzname() or "", local.strftime("%z")
        away = f"UTC{offset[:3]}:{offset[3:5]}"
        return f"{local:%Y-%m-%d %H:%M:%S} {f'{name} ({away})' if name.isalpha() else away}"


ANYBODY = Reader()


def title_of(transition: Transition, wording: Wording, reader: Reader = ANYBODY) -> str:
    """One line that is enough to decide whether to get up: how bad, where, what."""
    priority = reader.says(f"priority {int(transition.priority)}")
    key = f"title {transition.what}"
    known = key in ENGLISH
    lead = reader.says(key, priority=priority, person=transition.person) if known else f"{transition.what}:"
    what = " ".join(word for word in (lead, _named(transition)) if word)
    again = f" ({reader.says('occurrence', count=transition.occurrence)})" if transition.occurrence > 1 else ""
    return f"{reader.says('simulated') + ' ' if wording.simulated else ''}{what}{again}"


def _named(transition: Transition) -> str:
    """Subject and alarm; once, where the alarm's name begins with its subject: `clock free`, not `clock clock free`."""
    subject, name = transition.subject, transition.name
    if (name + " ").casefold().startswith((subject + " ").casefold()):
        return name
    return " ".join(word for word in (subject, name) if word)


def text_of(transition: Transition, wording: Wording, reader: Reader = ANYBODY) -> str:
    """What, where, value against limit; since when; what it means and what to do; and the id that proves it."""
    facts, says = transition.facts, reader.says
    place = [
        ("site", wording.site),
        ("unit", transition.unit),
        ("batch", transition.batch),
        ("phase", transition.phase),
    ]
    texts = [("cause", transition.cause), ("consequence", transition.consequence), ("action", transition.action)]
    within = transition.respond_within_ns
    stands = ("active" if facts.active else "gone") + (" acknowledged" if facts.acknowledged else "")
    lines = [
        transition.message,
        says("simulated plant") if wording.simulated else "",
        ", ".join(says(what, name=name) for what, name in place if name),
        _since(transition, reader),
        says(stands) + (f" {says('occurred', count=transition.occurrence)}" if transition.occurrence > 1 else ""),
        f"{transition.person}: {transition.comment}" if transition.person else "",
        *(says(key, text=reader.own(text)) for key, text in texts if text),
        "" if within is None or not facts.active else says("respond", time=format_duration(within)),
        says("transition", id=transition.id),
        f"{wording.page_url.rstrip('/')}/alarms/{quote(transition.alarm, safe='~')}" if wording.page_url else "",
    ]
    return "\n".join(line for line in lines if line)


def _since(transition: Transition, reader: Reader) -> str:
    if transition.since_ns is None:
        return ""
    lasted_ns = transition.at_ns - transition.since_ns
    lasting = f" ({format_duration(lasted_ns)})" if lasted_ns > 0 else ""
    return reader.says("since", time=reader.time(transition.since_ns)) + lasting


def digest_words(notices: Sequence[Notice], reader: Reader, *, quiet: bool) -> tuple[str, str]:
    """Title and text of several notices as one message, the most severe first; each is named with its transition."""
    worst_first = sorted(notices, key=lambda notice: (notice.priority, notice.at_ns))
    lines = [
        reader.says(
            "digest line",
            title=notice.title,
            text=notice.text.partition("\n")[0],
            id=notice.transition,
        )
        for notice in worst_first[:_LINES]
    ]
    if len(notices) > _LINES:
        # Whoever was not told in words is told by id: nobody has to believe a number.
        ids = " ".join(notice.transition for notice in worst_first[_LINES:])
        lines.append(reader.says("digest more", count=len(notices) - _LINES, ids=ids))
    key = "quiet" if quiet else "digest"
    one = " one" if len(notices) == 1 else ""
    title = reader.says(f"{key} title{one}", count=len(notices), title=worst_first[0].title)
    return title, "\n".join([reader.says(key), *lines])
