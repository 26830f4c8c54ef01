"""Holds, and budgets of time that they share."""

from typing import Literal, Self

from pydantic import model_validator

from service.config.shape.values import Duration, Interval, Section, UnitName


class ConditionText(Section):
    """In which range something has to wait, or above what time counts."""

    tag: str
    unit: UnitName = ""
    range: Interval | None = None
    above: float | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.range is None) == (self.above is None):
            raise ValueError("needs exactly one of `range` and `above`")
        return self


class StorageText(Section):
    """Where a stored material's temperature is measured, for its mean kinetic temperature."""

    tag: str
    window: Duration
    heat: str = "83.144 kJ/mol"


class HoldText(Section):
    """A limit on how long something may wait."""

    kind: Literal["intermediate", "dirty", "clean", "step"]
    unit: str
    start: str
    stop: str
    limit: Duration | None = None
    warn_before: tuple[Duration, ...] = ()
    warn_after: tuple[Duration, ...] = ()
    study: str = ""
    mode: Literal["wall", "in_condition", "over_temperature", "endpoint"] = "wall"
    condition: ConditionText | None = None
    counts: Literal["all", "in_condition"] = "all"
    budget: str | None = None
    storage: StorageText | None = None


class BudgetText(Section):
    """A limit on what several holds of a batch take together."""

    limit: Duration
    warn_before: tuple[Duration, ...] = ()
    study: str = ""
