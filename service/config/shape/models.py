"""Learned models and what they are fitted on."""

from typing import Literal

from pydantic import Field

from service.config.shape.values import Duration, Section


class ReferencesText(Section):
    """Which batches before one it is compared with; `least` 0: none, but the middle of those that were fitted."""

    least: int = Field(default=3, ge=0, le=1000)
    most: int = Field(default=10, ge=1, le=1000)


class ModelText(Section):
    """A learned model of one phase: what it watches, and the file that it is in once it is trained."""

    kind: Literal["multivariate", "batch"]
    units: list[str] = Field(min_length=1)
    phase: str
    product: str = ""
    parameters: list[str] = Field(min_length=1)
    every: Duration = 30_000_000_000
    after: Duration = 0
    stale: Duration = 600_000_000_000
    most_missing: float = Field(default=0.34, ge=0, lt=1)
    on: int = Field(default=2, ge=1, le=1000)
    off: int = Field(default=8, ge=1, le=1000)
    back: float = Field(default=0.8, gt=0, le=1)
    lags: int = Field(default=2, ge=1, le=20)
    references: ReferencesText = ReferencesText()
    warped: bool = False
    file: str | None = None
