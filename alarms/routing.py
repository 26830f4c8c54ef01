"""Who hears of which transition. Pure: the same transition gives the same notices again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alarms.wording import Wording, text_of, title_of
from domain.alarms import Notice, Transition
from domain.rules import Priority


@dataclass(frozen=True, slots=True)
class Audience:
    """People behind one channel, or the name of a person or a rota: they hear of alarms of this priority or worse.

    `returns`, `acknowledgements`: also when an alarm returns to normal, and when somebody acknowledges it (then the
    alarm's priority at that moment decides).
    """

    channel: str
    priority: Priority = Priority.HIGH
    returns: bool = False
    acknowledgements: bool = False

    def hears(self, transition: Transition) -> bool:
        """Tell whether these people are told of it."""
        if transition.priority > self.priority or transition.facts.is_put_away or transition.is_told_by_dcs:
            return False
        match transition.what:
            case "returned":
                return self.returns
            case "acknowledged":
                return self.acknowledgements
            case _:
                return transition.announces


def notices_for(transition: Transition, audiences: Iterable[Audience], wording: Wording | None = None) -> list[Notice]:
    """One notice per channel or name that hears of the transition; ids are stable, so the outbox holds each once."""
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
