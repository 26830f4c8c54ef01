"""Many copies of one reactor, with the very rules that the bench's service has for it, and its normal batch."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.rules import Rulebook
from domain.tags import Tag, TagId
from service.bench.cache import profiles_folder
from service.bench.reading import find, read_scenario
from service.bench.service_config import service_config
from service.config.build import Configuration, load
from simulators.instruments.panel import Instrument
from simulators.scenario import Scenario
from simulators.tags import MeasuredTag, scenario_tags
from simulators.truth.normal import profile_of
from simulators.truth.profile import Band, Profile

SCENARIO = "cooling-lost-while-dosing"
UNIT, PHASE, BEFORE = "R101", "dose", "heat"
STEP_CODES = {BEFORE: 15.0, PHASE: 20.0}
ROLES = ("TT", "PT", "AT", "TT2")
_SIGMAS = 6.0  # a normal band is three standard deviations to each side


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """A role's normal course in the phase and in the one before, a value per 10 s; and its spread between batches."""

    before: float
    course: NDArray[np.float64]
    sigma: float  # of what is reported: batches and instrument
    between: float  # of the truth alone


@dataclass(frozen=True, slots=True, eq=False)
class Reactors:
    """Copies U0000, U0001 … of the reactor: rules, tags, instruments and what is normal."""

    rulebook: Rulebook
    tags: tuple[Tag, ...]  # of each copy in turn: ROLES, STEP, BATCH
    instruments: tuple[Instrument, ...]  # of each copy in turn: ROLES
    normal: Mapping[str, Normal]
    ranges: Mapping[str, tuple[tuple[float, float], tuple[float, float]]]  # by role: NOR, validated
    number: int

    @property
    def per_unit(self) -> int:
        """Tags of each copy."""
        return len(ROLES) + 2


def reactors(number: int, profile: Profile | None = None) -> Reactors:
    """Make so many copies. `profile`: what is normal; None: that of the bench's own normal batches."""
    scenario = read_scenario(find(SCENARIO))
    measured = {tag.role: tag for tag in scenario_tags(scenario).measured if tag.name == f"{UNIT}.{tag.role}"}
    profile = profile or profile_of(scenario, profiles_folder())
    configuration = _configuration(scenario)
    bands = {name: profile.bands[UNIT, name] for name in (BEFORE, PHASE)}
    tags = {tag.name: tag for tag in configuration.tags}
    recipe = configuration.rulebook.recipes[scenario.recipe.product]
    names = [f"U{at:04d}" for at in range(number)]
    return Reactors(
        _copied(configuration.rulebook, names),
        tuple(_tags(tags, names)),
        tuple(replace(measured[role].instrument, tag=f"{name}.{role}") for name in names for role in ROLES),
        {role: _normal(bands, list(measured), measured[role]) for role in ROLES},
        {role: _ranges(recipe.phases[PHASE].parameters[role].ranges) for role in ROLES if role != "TT2"},
        number,
    )


def bench_rulebook() -> Rulebook:
    """All rules that the bench's service has for that plant."""
    return _configuration(read_scenario(find(SCENARIO))).rulebook


def _configuration(scenario: Scenario) -> Configuration:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "thermowell.yaml"
        file.write_text(service_config(scenario), encoding="utf-8")
        return load(file)


def _ranges(ranges: Mapping[Any, Any]) -> tuple[tuple[float, float], tuple[float, float]]:
    nor, validated = ranges["nor"], ranges["validated"]
    return (nor.low, nor.high), (validated.low, validated.high)


def _copied(rulebook: Rulebook, names: list[str]) -> Rulebook:
    """Every rule of the reactor, once for each copy; the recipe is shared, holds are left out."""
    own = {name: rules for name, rules in rulebook.tags.items() if name.startswith(f"{UNIT}.")}
    model = replace(rulebook.units[UNIT], settle_ns=0)  # nothing flickers here, and many units wait long for nothing
    return replace(
        rulebook,
        units={name: renamed(model, UNIT, name) for name in names},
        holds={},
        tags={renamed(key, UNIT, name): renamed(rules, UNIT, name) for name in names for key, rules in own.items()},
    )


def renamed(value: Any, old: str, new: str) -> Any:
    """The same value where every text that names the unit names another: whatever rules there will be."""
    if isinstance(value, str) and type(value) is str:
        return new if value == old else new + value[len(old) :] if value.startswith(f"{old}.") else value
    if is_dataclass(value) and not isinstance(value, type):
        told = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
        changed = {name: renamed(own, old, new) for name, own in told.items()}
        return value if all(changed[name] is told[name] for name in told) else replace(value, **changed)
    if isinstance(value, Mapping):
        return {renamed(key, old, new): renamed(own, old, new) for key, own in value.items()}
    if isinstance(value, tuple) and type(value) is tuple:
        made = tuple(renamed(own, old, new) for own in value)
        return value if all(a is b for a, b in zip(made, value, strict=True)) else made
    return value


def _tags(tags: Mapping[str, Tag], names: list[str]) -> list[Tag]:
    roles = (*ROLES, "STEP", "BATCH")
    return [
        replace(tags[f"{UNIT}.{role}"], id=TagId(at * len(roles) + place), name=f"{name}.{role}", source="train")
        for at, name in enumerate(names)
        for place, role in enumerate(roles)
    ]


def _normal(bands: Mapping[str, Band], roles: list[str], tag: MeasuredTag) -> Normal:
    column = roles.index(tag.role)
    band, before = bands[PHASE], bands[BEFORE]
    course = (band.true_low[:, column] + band.true_high[:, column]) / 2
    sigma = float(np.median(band.reported_high[:, column] - band.reported_low[:, column]) / _SIGMAS)
    own = tag.instrument.is_like
    of_instrument = own.noise**2 + own.wander**2 + own.resolution**2 / 12
    last = float(before.true_low[-1, column] + before.true_high[-1, column]) / 2
    return Normal(last, course, sigma, float(np.sqrt(max(sigma**2 - of_instrument, 0.0))))
