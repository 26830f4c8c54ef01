"""A scenario as plain values: what runs, what breaks, what must be found. Reading one from YAML is the service's."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.faults.spec import FaultSpec
from simulators.layout import Layout
from simulators.recipe import Recipe


@dataclass(frozen=True, slots=True)
class InstrumentChange:
    """What differs from a tag's usual instrument; None: as usual. Quantities in the tag's plant unit, times in s."""

    period_s: int | None = None
    bias: float | None = None
    noise: float | None = None
    wander: float | None = None
    lag_s: float | None = None
    resolution: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """What happens in a campaign; times in seconds of plant time, 0 is the plant's origin.

    `start_s`: when each reactor's first batch starts; one that is negative is run through before the origin.
    `wait_s`: how long a batch usually waits in its hold tank after its transfer.
    `batches`: how many batches a reactor runs before it rests; None: on and on.
    """

    start_s: tuple[int, ...]
    first_batch: tuple[int, ...]
    wait_s: int = 75 * 60
    batches: int | None = None
    strength_spread: float = 0.004  # of charge and feed from batch to batch, relative standard deviation
    longest_delay_s: int = 300  # until somebody has started the next batch
    fouling_per_batch: float = 0.0  # share of the jacket's heat transfer that a batch costs
    cleaned_every: int = 0  # batches after which the jacket is cleaned; 0: never


@dataclass(frozen=True, slots=True)
class Servers:
    """How the plant is served. `events`: a batch system tells batches, phases and transfers over MQTT."""

    opcua: bool = True
    mqtt: str = "json"  # json, uns or sparkplug; empty: every tag is on OPC UA
    protocol: str = "5"
    events: bool = False
    publishing_ms: int = 1000
    security: bool = False


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What must hold of a run's score; None: not asked.

    `found`: the share of visible faults, and of real excursions and hold breaches, that a finding names.
    `delay_s`: longest from the moment a fault is visible to the finding, by fault id (`*`: all).
    """

    found: float | None = 1.0
    delay_s: Mapping[str, int] = field(default_factory=dict)
    false_alarms: int | None = None
    lost: int | None = 0
    doubled: int | None = 0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run of the bench. `start_ns` is the plant's origin, UTC ns; `file` and `text` are where it was read."""

    name: str
    teaches: str
    seed: int
    start_ns: int
    lasts_s: int
    layout: Layout
    recipe: Recipe
    plan: CampaignPlan
    step_s: int = 5
    speed: float = 360.0
    instruments: Mapping[str, InstrumentChange] = field(default_factory=dict)
    faults: tuple[FaultSpec, ...] = ()
    servers: Servers = Servers()
    acceptance: Acceptance = Acceptance()
    file: str = ""
    text: str = ""
