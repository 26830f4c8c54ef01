"""Units of equipment, and the tags that tell what goes on in them (ISA-88)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.checks import UnitChecks
from domain.watches import SteadyRule

CLEANING_PHASES = ("clean", "cleaning", "cip")
IDLE_STATES = ("idle", "complete", "completed", "stopped", "aborted")
"""States of a phase (ISA-88) in which it does not run. Held is not one of them: a phase that is held goes on."""


@dataclass(frozen=True, slots=True)
class FlowRule:
    """Material flows while a level moves one way by `step` after `step`, none later than `for_ns` after the last.

    It is told once that has gone on for `for_ns`, and begins with the first step. It ends with the last step, or when
    the valve closes. `step` is in the level tag's unit and larger than its noise.
    """

    level_tag: str
    step: float
    for_ns: int
    valve_tag: str | None = None  # true, or positive, while it is open; None: only the level tells
    other_unit: str = ""  # where the material goes to or comes from


@dataclass(frozen=True, slots=True)
class UnitModel:
    """A unit, and the tags that tell its batch, its phase and its transfers; tags by their names.

    What no tag and no rule tells, events tell.
    """

    name: str
    parameters: Mapping[str, str]  # role -> tag name: {"TT": "R101.TT"}
    batch_tag: str | None = None
    batch_idle: tuple[str, ...] = ("", "0")
    phase_tag: str | None = None
    phase_map: Mapping[str, str] = field(default_factory=dict)  # value as text -> phase name; empty: the value itself
    recipe: str | None = None  # product; None: the only recipe there is
    recipe_tag: str | None = None
    settle_ns: int = 0
    transfer_in_tag: str | None = None  # true while material comes in
    transfer_out_tag: str | None = None
    cleaning_phases: tuple[str, ...] = CLEANING_PHASES
    phase_state_tag: str | None = None  # the state (ISA-88) of the phase that `phase_tag` names
    idle_states: tuple[str, ...] = IDLE_STATES  # in which it does not run; in small letters
    transfer_in_rule: FlowRule | None = None  # the level rises
    transfer_out_rule: FlowRule | None = None  # the level falls
    checks: UnitChecks = field(default_factory=UnitChecks)
    steady: SteadyRule | None = None  # it should stay as it is; advisory
