"""The shape of a scenario file: what may stand where. Meaning and cross-references are `reading`'s."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from service.bench import values
from service.config.shape.values import Section, UnitName

_TEXT = str  # how durations, times and shares stand in the JSON schema

Seconds = Annotated[int, BeforeValidator(values.seconds, json_schema_input_type=_TEXT)]
"""A duration as text (`1h30min`); becomes whole seconds."""

Offset = Annotated[int, BeforeValidator(values.offset_s, json_schema_input_type=_TEXT)]
"""A duration that may be negative."""

Milliseconds = Annotated[int, BeforeValidator(values.milliseconds, json_schema_input_type=_TEXT)]
Instant = Annotated[int, BeforeValidator(values.instant_ns, json_schema_input_type=_TEXT)]
"""An ISO 8601 time; becomes UTC ns."""

Share = Annotated[float, BeforeValidator(values.share, json_schema_input_type=_TEXT | float)]
"""`0.4 %` or 0.004."""

UnitOfPlant = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Quantity = Annotated[str | float, BeforeValidator(values.a_quantity, json_schema_input_type=str | float)]
"""A number, bare or with a unit: what fits is known only beside its tag or its kind."""

Bound = Quantity | None
Interval = tuple[Bound, Bound]
Count = Annotated[int, Field(ge=0)]
BatchNumber = Annotated[int, Field(ge=1, le=9999)]


class LineText(Section):
    """The units behind a tank, where they are not named after it."""

    crystalliser: UnitOfPlant
    still: UnitOfPlant


class PlantText(Section):
    """Which reactor feeds which tank; `lines` names what stands behind a tank."""

    reactors: dict[UnitOfPlant, UnitOfPlant] = Field(min_length=1, max_length=1000)
    lines: dict[UnitOfPlant, LineText] = Field(default_factory=dict)


class RangesText(Section):
    """What differs in the ranges of a parameter; bare numbers are in `unit`, or in its tag's."""

    unit: UnitName | None = None
    after: Seconds | None = None
    nor: Interval | None = None
    validated: Interval | None = None
    par: Interval | None = None


class PhaseChange(BaseModel):
    """What differs in a phase; under every other key a parameter's ranges."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, RangesText] = Field(init=False)

    lasts: Seconds | None = None
    temperature: Quantity | None = None
    ramp: Seconds | None = None

    @property
    def ranges(self) -> dict[str, RangesText]:
        """The ranges by role."""
        return self.__pydantic_extra__


class RecipeText(BaseModel):
    """What differs from the usual product; under every other key a phase."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, PhaseChange] = Field(init=False)

    product: str | None = None
    hold_limit: Seconds | None = None

    @property
    def phases(self) -> dict[str, PhaseChange]:
        """The phases by name."""
        return self.__pydantic_extra__


class CampaignText(Section):
    """When batches start, and how they differ."""

    starts: dict[str, Offset] = Field(default_factory=dict)
    first_batch: dict[str, BatchNumber] = Field(default_factory=dict)
    waits: Seconds | None = None
    batches: Annotated[int, Field(ge=1, le=10_000)] | None = None
    spread: Share | None = None
    longest_delay: Seconds | None = None
    fouling: Share | None = None
    cleaned_every: Count | None = None


class InstrumentText(Section):
    """What differs from a tag's usual instrument; quantities in the tag's unit, or with one that fits."""

    period: Seconds | None = None
    bias: Quantity | None = None
    noise: Quantity | None = None
    wander: Quantity | None = None
    lag: Seconds | None = None
    resolution: Quantity | None = None
    low: Quantity | None = None
    high: Quantity | None = None


class PhaseStart(Section):
    """So long after a phase's start; `of` is the unit, where it is not what the fault is on."""

    phase: str
    after: Seconds = 0
    of: str | None = None
    batch: Annotated[
        int | Literal["every"],
        BeforeValidator(values.batch_or_every, json_schema_input_type=BatchNumber | Literal["every"]),
    ] = 1


class ConditionStart(Section):
    """When a tag's true value has been beyond a limit for a while."""

    when: str
    above: Quantity | None = None
    below: Quantity | None = None
    for_: Seconds = Field(default=0, alias="for")


class RampText(Section):
    """A fault that develops within a time; `power` 2 begins slowly and becomes faster."""

    ramp: Seconds
    power: Annotated[float, Field(gt=0, le=10)] = 1.0


class ComesAndGoes(Section):
    """A fault that is there `for` so long of `every` so long."""

    every: Seconds
    for_: Seconds = Field(alias="for")


def _kind_of_start(value: object) -> str:
    if not isinstance(value, dict):
        return "(time)"
    return "(condition)" if "when" in value else "(phase)"


def _kind_of_shape(value: object) -> str:
    if not isinstance(value, dict):
        return "(word)"
    return "(intermittent)" if {"every", "for"} & set(value) else "(ramp)"


StartText = Annotated[
    Annotated[str, Tag("(time)")]
    | Annotated[PhaseStart, Tag("(phase)")]
    | Annotated[ConditionStart, Tag("(condition)")],
    Discriminator(_kind_of_start),
]
ShapeText = Annotated[
    Annotated[Literal["step"], Tag("(word)")]
    | Annotated[RampText, Tag("(ramp)")]
    | Annotated[ComesAndGoes, Tag("(intermittent)")],
    Discriminator(_kind_of_shape),
]


class FaultText(BaseModel):
    """One fault; every other key is a setting of its kind."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True)
    __pydantic_extra__: dict[str, Quantity] = Field(init=False)

    kind: str
    on: str
    start: StartText
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] | None = None
    lasts: Seconds | None = None
    shape: ShapeText = "step"

    @property
    def settings(self) -> dict[str, str | float]:
        """The settings of its kind as written."""
        return self.__pydantic_extra__


class OpcUaText(Section):
    """How the plant's OPC UA server answers."""

    publishing: Milliseconds | None = None
    security: bool = False


class MqttText(Section):
    """How the plant publishes; `none`: every tag is on OPC UA. `events`: a batch system tells batches and phases."""

    payload: Literal["json", "uns", "sparkplug", "none"] = "json"
    events: bool = False
    protocol: Literal["5", "3.1.1"] = "5"


def _server_or_not(value: object) -> object:
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


def _payload(value: object) -> object:
    return value if isinstance(value, dict) else {"payload": value}


class ServersText(Section):
    """The plant's servers. `opcua: false` serves everything over MQTT, `mqtt: none` everything over OPC UA."""

    opcua: Annotated[OpcUaText | None, BeforeValidator(_server_or_not, json_schema_input_type=OpcUaText | bool)] = (
        OpcUaText()
    )
    mqtt: Annotated[MqttText, BeforeValidator(_payload, json_schema_input_type=MqttText | str)] = MqttText()


def _for_all(value: object) -> object:
    return value if isinstance(value, dict) else {"*": value}


Delays = Annotated[
    dict[str, Seconds],
    BeforeValidator(_for_all, json_schema_input_type=dict[str, str] | str),
]
Found = Annotated[float | None, BeforeValidator(values.share_or_word, json_schema_input_type=_TEXT | float)]
Most = Annotated[int | None, BeforeValidator(values.count_or_any, json_schema_input_type=Literal["any"] | int)]


class AcceptanceText(Section):
    """What must hold of the score; `any`: not asked. `delay` is one time for all, or by fault id or kind."""

    found: Found = 1.0
    delay: Delays = Field(default_factory=dict)
    false_alarms: Most = None
    lost: Most = 0
    doubled: Most = 0


class ScenarioText(Section):
    """The whole file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80)]
    teaches: Annotated[str, Field(min_length=10, max_length=400)]
    seed: Annotated[int, Field(ge=0, lt=10**15)] = 1
    start: Instant = values.instant_ns("2026-03-02T05:00:00Z")
    lasts: Seconds
    step: Seconds | None = None
    speed: Annotated[float, Field(gt=0, le=10_000)] | None = None
    plant: PlantText | None = None
    recipe: RecipeText = RecipeText()
    campaign: CampaignText = CampaignText()
    instruments: dict[str, InstrumentText] = Field(default_factory=dict)
    faults: list[FaultText] = Field(default=[], max_length=1000)
    servers: ServersText = ServersText()
    acceptance: AcceptanceText = AcceptanceText()
