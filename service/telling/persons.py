"""A person's name, when a notice is due: the channels, the words in their language, their quiet time."""

from collections.abc import Mapping
from dataclasses import replace

from alarms.recipients import Recipient
from alarms.wording import Reader, Wording, text_of, title_of
from domain.alarms import Notice, Transition
from records.outbox import Planned
from service.telling.addressing import Directory, Resolution, child_of


class ToPerson:
    """Resolves the name of one person."""

    def __init__(self, recipient: Recipient, wording: Wording) -> None:
        self._recipient = recipient
        self._wording = wording
        self._reader = reader_of(recipient)

    def __call__(self, notice: Notice, said: Transition | None, now_ns: int) -> Resolution:
        """One notice for each of their channels; at quiet time it is due when that ends."""
        person = self._recipient
        worded = replace(notice, person=person.name)
        if said is not None:
            title, text = title_of(said, self._wording, self._reader), text_of(said, self._wording, self._reader)
            before, behind = _added(notice, said, self._wording)
            worded = replace(worded, title=before + title, text=text + behind)
        until_ns = person.waits_until_ns(notice.priority, now_ns)
        if until_ns is not None:
            worded = replace(worded, kind="quiet")
        ways = [_by_way(worded, channel, until_ns or 0) for channel in person.channels]
        quiet = f", after their quiet hours at {self._reader.time(until_ns)}" if until_ns is not None else ""
        return Resolution(ways, f"{person.name} is told by {', '.join(person.channels)}{quiet}")


def _added(notice: Notice, said: Transition, wording: Wording) -> tuple[str, str]:
    """What was put before the title and behind the text on the way here, such as why somebody is told."""
    title, text = title_of(said, wording), text_of(said, wording)
    before = notice.title.removesuffix(title) if notice.title.endswith(title) else ""
    behind = notice.text.removeprefix(text) if notice.text.startswith(text) else ""
    return before, behind


def _by_way(notice: Notice, channel: str, due_ns: int) -> Planned:
    planned = child_of(notice, f"{notice.person}/{channel}", due_ns=due_ns)
    return replace(planned, notice=replace(planned.notice, channel=channel))


def reader_of(recipient: Recipient) -> Reader:
    """How a person reads."""
    return Reader(recipient.language, recipient.zone, recipient.translations)


def people_directory(people: Mapping[str, Recipient], wording: Wording) -> Directory:
    """Who the names of people are."""
    return {name: ToPerson(person, wording) for name, person in people.items()}
