"""Load, floods, episodes and measures of the alarm system, as answers."""

from dataclasses import asdict

from api.shapes import Shape
from api.times import TimeForm
from domain.performance import Episode, Flood, Named, Performance, PositionNow, Standing, words_of
from domain.rules import Priority
from domain.targets import figures_of


def position_shape(now: PositionNow, form: TimeForm) -> Shape:
    """What one position has to deal with now."""
    return {
        "position": now.position,
        "flood": None if now.flood is None else flood_shape(now.flood, form),
        "in_ten_minutes": now.in_ten_minutes,
        "episodes": [episode_shape(each, form) for each in now.episodes],
        "by_priority": dict(now.by_priority),
        "by_unit": dict(now.by_unit),
        "digest": list(now.digest),
    }


def flood_shape(flood: Flood, form: TimeForm) -> Shape:
    """An alarm flood; without an end it goes on, or went on at the end of what was asked for."""
    times = form.put(start=flood.start_ns, end=flood.end_ns)
    return {
        "position": flood.position,
        **times,
        "peak": flood.peak,
        "annunciated": flood.annunciated,
        "first_out": flood.first_out,
    }


def episode_shape(episode: Episode, form: TimeForm) -> Shape:
    """Alarms that followed one another, and what began it."""
    first = episode.first_out
    return {
        "id": episode.id,
        "group": episode.group,
        "first_out": {
            "alarm": first.alarm,
            "transition": first.id,
            "words": words_of(first),
            "message": first.message,
            **form.put(at=first.at_ns, since=first.since_ns),
        },
        "followed": episode.followed,
        "alarms": list(episode.alarms),
        "annunciated": episode.annunciated,
        "worst": int(episode.worst),
        **form.put(begun=episode.begun_ns, newest=episode.newest_ns),
    }


def performance_shape(told: Performance, form: TimeForm) -> Shape:
    """Every measure of a window; lengths of time are ns."""
    asked = told.asked
    return {
        **form.put(start=asked.start_ns, end=asked.end_ns),
        "position": asked.position,
        "annunciated": told.annunciated,
        "figures": [asdict(each) for each in figures_of(told)],
        "load": [asdict(each) for each in told.load],
        "floods": [flood_shape(each, form) for each in told.floods],
        "frequent": [{**_named(each.named), "times": each.times} for each in told.frequent],
        "chattering": [{**_named(each.named), "times": each.times, "most": each.most} for each in told.chattering],
        "fleeting": [{**_named(each.named), "times": each.times} for each in told.fleeting],
        "stale": [_standing(each, form) for each in told.stale],
        "standing": [_standing(each, form) for each in told.standing],
        "priorities": {Priority(each).name.lower(): count for each, count in told.priorities.items()},
        "response": asdict(told.response),
        "put_away": [
            {
                **_named(each.named),
                "shelved_ns": each.shelved_ns,
                "suppressed_ns": each.suppressed_ns,
                "out_of_service_ns": each.out_of_service_ns,
            }
            for each in told.put_away
        ],
    }


def _named(named: Named) -> Shape:
    return asdict(named)


def _standing(standing: Standing, form: TimeForm) -> Shape:
    return {
        **_named(standing.named),
        "priority": int(standing.priority),
        **form.put(since=standing.since_ns),
        "active_ns": standing.active_ns,
        "acknowledged": standing.is_acknowledged,
        "over": standing.is_over,
    }
