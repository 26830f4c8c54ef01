"""Units of equipment, and the tags that tell what goes on in them (ISA-88)."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class UnitModel:
    """A unit, and the tags that tell its batch, its phase and its transfers; tags by their names."""

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
    cleaning_phases: tuple[str, ...] = ("clean", "cleaning", "cip")
