"""The shape of the configuration file: what may stand where. Meaning and cross-references are `build`'s."""

import math
import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from domain.equipment import IDLE_STATES
from domain.recipes import Limits
from domain.time import parse_time_ns
from service.config.quantities import check_unit, duration_ns


def _duration(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} needs a unit (such as 500ms, 10min, 72h)")  # noqa: TRY004  pydantic wants ValueError
    return duration_ns(value)


def _unit(value: str) -> str:
    check_unit(value)
    return value


Duration = Annotated[int, BeforeValidator(_duration, json_schema_input_type=str)]
"""A length of time as text; becomes ns."""

AUTO = -1
"""In place of ns: as the tag's own habits say."""


def _duration_or_auto(value: object) -> int:
    return AUTO if value == "auto" else _duration(value)


DurationOrAuto = Annotated[int, BeforeValidator(_duration_or_auto, json_schema_input_type=str)]
"""A length of time as text, or `auto`; becomes ns, or `AUTO`."""

HealthName = Literal["stale", "frozen", "noise", "spike", "jump", "range"]


def _host(value: str) -> str:
    if not value or "@" in value or "://" in value or any(character.isspace() for character in value):
        raise ValueError("is no host; user and password have keys of their own")  # nor told: a password may be in it
    return value


UnitName = Annotated[str, AfterValidator(_unit)]
Number = float | None
Interval = tuple[Number, Number]

_SIDES = {">": ("low", True), ">=": ("low", False), "<": ("high", True), "<=": ("high", False)}
_NAMES = {"low": "lower", "high": "upper"}
_END = re.compile(r"\s*(<=|>=|<|>)\s*(\S+)\s*")


def _end(value: object, side: str) -> tuple[float | None, bool]:
    """One end of a range, and whether it is outside: a number, null, or text such as `> 20`."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return (None if value is None else float(value)), False
    found = _END.fullmatch(value) if isinstance(value, str) else None
    try:
        limit = float(found[2]) if found is not None else math.nan
    except ValueError:
        limit = math.nan
    if found is None or math.isnan(limit):
        sign = ">" if side == "low" else "<"
        raise ValueError(f'{value!r} is no end of a range: write a number, null, or "{sign} 20"')
    told, is_open = _SIDES[found[1]]
    if told != side:
        raise ValueError(f"{value!r} is the {_NAMES[told]} end of a range, not its {_NAMES[side]} one")
    return limit, is_open


def _bounds(value: object) -> Limits:
    """A range as it is written: `[low, high]`, or the only end that it has as text."""
    if isinstance(value, Limits):
        return value
    if isinstance(value, str) and _END.fullmatch(value):
        side = "low" if value.strip().startswith(">") else "high"
        value = [value, None] if side == "low" else [None, value]
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError('must be a list of two, such as [55, 65] or [null, "< 65"]')
    (low, low_open), (high, high_open) = _end(value[0], "low"), _end(value[1], "high")
    return Limits(low, high, low_open, high_open)


_EndSchema = float | str | None
Bounds = Annotated[Limits, BeforeValidator(_bounds, json_schema_input_type=tuple[_EndSchema, _EndSchema] | str)]
"""A range in the unit that stands beside it; an end that is text may be outside (`> 20`)."""
PriorityName = Literal["critical", "high", "medium", "low", "event"]
AlarmPriorityName = Literal["critical", "high", "medium", "low"]
RoleName = Literal["operator", "shift_lead", "process_engineer", "qa"]
LoginRoleName = Literal["viewer", "operator", "shift lead", "process engineer", "QA", "admin"]


class Section(BaseModel):
    """A part of the file: unknown keys are refused, numbers may stand where text is meant."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, populate_by_name=True)


class Tls(Section):
    """The certificate and key by which the page is served."""

    certificate_file: str  # PEM, with the authorities between after it
    key_file: str


class SessionText(Section):
    """How long people stay signed in."""

    idle: Duration = 15 * 60_000_000_000  # without use, before actions ask for the password
    lifetime: Duration = 12 * 3_600_000_000_000  # however much it is used


class Http(Section):
    """Where the page and the API listen, and how people reach them."""

    listen: str = "127.0.0.1:8087"
    tls: Tls | None = None
    url: str | None = None  # as people reach it; begins the links in notices
    prefix: str | None = None  # the path before ours behind a proxy; left out: that of `url`
    names: list[str] = []  # hosts that this service answers to, besides that of `url` and the loopback
    proxies: list[str] = []  # addresses and networks whose forwarded headers are believed
    hsts: Duration = 86_400_000_000_000
    reading: Literal["open", "people"] = "open"  # who may look: whoever reaches the port, or who signs in
    session: SessionText = SessionText()


class OidcRolesText(Section):
    """How the provider's groups become roles."""

    claim: str = Field(default="groups", min_length=1)  # by its name or its path, such as realm_access.roles
    map: dict[str, LoginRoleName] = Field(min_length=1)  # the first that somebody is in counts


class OidcText(Section):
    """An OpenID provider by which people sign in."""

    issuer: str
    client_id: str = Field(min_length=1)
    client_secret_file: str | None = None  # left out: a client without a secret
    ca_file: str | None = None  # left out: the system's authorities
    title: str = Field(default="the site's login", min_length=1, max_length=60)
    scopes: list[str] = ["openid", "profile"]
    name: str = Field(default="preferred_username", min_length=1)  # the claim that names an account, the first time
    full_name: str = Field(default="name", min_length=1)  # the claim that a signature would print
    roles: OidcRolesText
    fresh: bool = True  # people prove themselves at every login here


class LdapSearchText(Section):
    """How a person is found in a directory by their name."""

    account: str  # that may look
    password_file: str
    base: str  # below which people are
    among: dict[str, str] = {}  # what an entry has besides, such as objectClass: person


class LdapRolesText(Section):
    """How a directory's groups become roles."""

    member: str = "member"  # the attribute of a group that lists who is in it
    map: dict[str, LoginRoleName] = Field(min_length=1)  # the first that somebody is in counts


class LdapText(Section):
    """A directory (LDAP) whose people sign in here with their own passwords."""

    servers: list[str] = Field(min_length=1, max_length=5)  # the first that answers is asked
    starttls: bool = True  # of ldap://
    ca_file: str | None = None  # left out: the system's authorities
    title: str = Field(default="the site's directory", min_length=1, max_length=60)
    search: LdapSearchText | None = None  # either this
    template: str | None = None  # or this: uid={name},ou=people,dc=plant,dc=example
    name: str = "uid"  # the attribute that names an account the first time
    full_name: str = "cn"  # the attribute that a signature prints
    subject: str = "entryUUID"  # the attribute by which a person stays the same, whatever they are called
    roles: LdapRolesText


class LoginText(Section):
    """How people sign in besides by a password that is kept here."""

    oidc: OidcText | None = None
    ldap: LdapText | None = None


class OpcUa(Section):
    """An OPC UA server."""

    url: str
    publishing_interval: Duration = 500_000_000
    security: Literal["None", "Basic256Sha256"] = "None"
    mode: Literal["Sign", "SignAndEncrypt"] = "SignAndEncrypt"
    user: str | None = None
    password_file: str | None = None
    keep_alive: Duration = 2_000_000_000
    lifetime: Duration = 3_600_000_000_000


class Mqtt(Section):
    """An MQTT broker."""

    url: str
    topics: list[str] = Field(min_length=1)
    protocol: Literal["5", "3.1.1"] = "5"
    client_id: str | None = None
    user: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    session_expiry: Duration = 24 * 3_600_000_000_000
    receive_maximum: int = Field(default=5000, ge=1, le=65535)
    events: tuple[str, ...] = ()  # exact topics that tell what happens to batches
    broker_queue: int = Field(default=1000, ge=1)  # messages that the broker keeps for a client that is away


class Source(Section):
    """One server or broker."""

    opcua: OpcUa | None = None
    mqtt: Mqtt | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.opcua is None) == (self.mqtt is None):
            raise ValueError("needs exactly one of `opcua` and `mqtt`")
        return self


class Sensor(Section):
    """The instrument behind a tag."""

    range: Interval = (None, None)
    calibration_due: str | None = None
    calibrated: str | None = None  # the last good calibration
    every: Duration | None = None
    failed: str | None = None  # a calibration since then that failed

    @model_validator(mode="after")
    def _calibrated_before(self) -> Self:
        if self.every is not None and self.calibrated is None:
            raise ValueError("`every` needs `calibrated`")
        if self.every is not None and self.calibration_due is not None:
            raise ValueError("needs one of `every` and `calibration_due`, not both")
        for name in ("calibration_due", "calibrated", "failed"):
            text = getattr(self, name)
            if text is not None:
                parse_time_ns(text)
        return self


class AlarmText(Section):
    """An alarm on a tag, with the texts of its rationalisation (ISA-18.2)."""

    limit: str = "validated"
    severity: Literal["minor", "moderate", "major", "severe"] | None = None  # of the consequence
    priority: PriorityName | None = None  # left out: what severity and time to respond make
    priority_reason: str = ""
    on_delay: Duration = 0
    off_delay: Duration = 0
    deadband: str = "0"
    cause: str = ""
    consequence: str = ""
    action: str = ""
    respond_within: Duration | None = None
    alarm_class: str = Field(default="", alias="class")  # left out: that of the rule that it listens to
    re_alarm: Duration | None = None
    longest_shelf: Duration | None = None
    first_in_group: str = ""
    phases: tuple[str, ...] = ()
    dcs_alarm: str = ""
    dcs_priority: AlarmPriorityName | None = None


class FixedLimits(Section):
    """Limits that hold outside any phase too."""

    low: float | None = None
    high: float | None = None


_LEAST_BATCHES = 3  # with two nobody knows how much batches differ


class ConfirmedDrift(Section):
    """What `thermowell drift confirm` measured: when, for which stated run length, and of each chart least and most."""

    on: date
    stated: float = Field(ge=1)
    windows: dict[str, tuple[Annotated[float, Field(ge=1)], float | None]]


class Drift(Section):
    """CUSUM and EWMA within a phase, at a stated in-control ARL₀; without one the plant's budget says it."""

    every: Duration = 60_000_000_000
    arl0: float | None = Field(default=None, ge=10, le=1e10)
    k: Annotated[float, Field(ge=0.1, le=3)] | tuple[Annotated[float, Field(ge=0.1, le=3)], ...] = (0.5, 0.25)
    lam: float = Field(default=0.2, gt=0, le=1, alias="lambda")
    target: float | None = None
    sigma: float | None = Field(default=None, gt=0)
    learn: int = Field(default=20, ge=12, le=1000)
    fast_start: bool = False
    batches: int = Field(default=5, ge=0, le=100)
    advisory: bool = False
    restart_after: Duration | None = None
    confirmed: ConfirmedDrift | None = None

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.every <= 0:
            raise ValueError("`every` is no time: a window needs one (such as 60s)")
        if 0 < self.batches < _LEAST_BATCHES:
            raise ValueError(f"`batches` is 0 (each run by itself) or at least {_LEAST_BATCHES}")
        if isinstance(self.k, tuple) and len(self.k) not in (1, 2):
            raise ValueError("`k` is one number or two")
        return self


class NoveltyText(Section):
    """A tag whose values are compared with all that it had before; advisory."""

    every: Duration = 60_000_000_000
    stale: Duration = 600_000_000_000
    quiet: int = Field(default=500, ge=60, le=100_000)


class SteadyText(Section):
    """A unit that should stay as it is, against a reference of its own; advisory."""

    parameters: list[str] = Field(min_length=1, max_length=100)
    every: Duration = 10_000_000_000
    stale: Duration = 600_000_000_000
    reference: int = Field(default=400, ge=200, le=10_000)
    phase: str = ""


class PlantDrift(Section):
    """How often the plant's drift charts may alarm falsely, all together."""

    false_alarms: str = "1 per week"


class TagText(Section):
    """A tag: where it comes from, and what is watched on it whatever the phase."""

    source: str | None = None
    node: str | None = None
    topic: str | None = None
    value: str = ""
    time: str | None = None
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    status: str | None = None
    unit: UnitName = ""
    reference: Literal["", "gauge", "absolute"] = ""
    kind: Literal["number", "boolean", "text"] = "number"
    description: str = ""
    sampling_interval: Duration = 0
    sensor: Sensor = Sensor()
    limits: FixedLimits = FixedLimits()
    rate: str | None = None
    stale: DurationOrAuto | None = None
    frozen: DurationOrAuto | None = None
    health: Literal["auto"] | tuple[HealthName, ...] = ()
    drift: Drift | None = None
    novelty: NoveltyText | None = None
    alarms: dict[str, AlarmText] = {}


class Template(Section):
    """Tags that several units have alike; `{unit}` stands for the unit's name."""

    tags: dict[str, TagText]


class BatchTag(Section):
    """The tag that names the batch."""

    tag: str
    idle: tuple[str, ...] = ("", "0")
    settle: Duration = 0


class PhaseTag(Section):
    """The tag that tells the phase."""

    tag: str
    map: dict[str, str] = {}
    state: str | None = None  # the tag that tells the state (ISA-88) of that phase
    idle_states: tuple[str, ...] = IDLE_STATES


class RecipeTag(Section):
    """The tag that names the recipe."""

    tag: str


class FlowText(Section):
    """A transfer that tags tell together: a valve is open and a level moves."""

    level: str
    step: str
    duration: Duration = Field(alias="for")
    valve: str | None = None
    other: str | None = None  # the unit that the material goes to or comes from


class PairText(Section):
    """Two instruments that measure the same."""

    roles: tuple[str, str]
    limit: str = "auto"


class VapourText(Section):
    """Pressure and temperature where vapour alone fills the head space."""

    pressure: str = "PT"
    temperature: str = "TT"
    solvent: Literal["water", "methanol", "ethanol", "acetone", "toluene"] | None = None
    antoine: tuple[float, float, float] | None = None
    phases: tuple[str, ...] = Field(min_length=1)
    limit: str = "2 delta_degC"

    @model_validator(mode="after")
    def _one_solvent(self) -> Self:
        if (self.solvent is None) == (self.antoine is None):
            raise ValueError("needs exactly one of `solvent` and `antoine`")
        return self


class JacketText(Section):
    """The jacket's heat against the heating or cooling rate of the contents."""

    temperature: str = "JT"
    contents: str = "TT"
    volume: str | None = None
    phases: tuple[str, ...] = Field(min_length=1)
    transfer: float | None = Field(default=None, gt=0)
    limit: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.transfer is None) != (self.limit is None):
            raise ValueError("needs both of `transfer` and `limit`, or none of them")
        return self


class TermText(Section):
    """What comes into a level or, negative, leaves it."""

    factor: float
    flow: bool = False
    rollover: float = Field(default=0.0, ge=0)


class BalanceText(Section):
    """A level against totalisers and flows."""

    level: str
    terms: dict[str, TermText] = Field(min_length=1)
    phases: tuple[str, ...] = Field(min_length=1)
    over: Duration = 600_000_000_000
    limit: float | None = Field(default=None, gt=0)


class ChecksText(Section):
    """What a unit's instruments tell of each other."""

    pairs: tuple[PairText, ...] = ()
    vapour: VapourText | None = None
    jacket: JacketText | None = None
    balances: dict[str, BalanceText] = {}
    witnesses: dict[str, tuple[str, ...]] = {}


class ExpectationText(Section):
    """What a phase does to a parameter."""

    above: float | None = None
    below: float | None = None
    rises: str | None = None
    falls: str | None = None
    steady: str | None = None
    until: float | None = None
    after: Duration = 0
    for_: Duration = Field(default=120_000_000_000, alias="for")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if all(each is None for each in (self.above, self.below, self.rises, self.falls, self.steady)):
            raise ValueError("needs one of `above`, `below`, `rises`, `falls` and `steady`")
        return self


class EquipmentText(Section):
    """The tag that tells the state of a unit's equipment."""

    tag: str
    states: dict[str, str] = {}


class UnitText(Section):
    """A piece of equipment that makes batches."""

    template: str | None = None
    source: str | None = None
    batch: BatchTag | None = None
    phase: PhaseTag | None = None
    recipe: str | RecipeTag | None = None
    transfer_in: str | FlowText | None = None
    transfer_out: str | FlowText | None = None
    events: bool = False  # events tell what no tag does
    settle: Duration = 0  # where no `batch` tag says it
    parameters: dict[str, str] = {}
    checks: ChecksText = ChecksText()
    steady: SteadyText | None = None
    equipment: EquipmentText | None = None


class RangesText(Section):
    """Ranges from the inside out; what is given must nest."""

    nor: Bounds | None = None
    alert: Bounds | None = None
    action: Bounds | None = None
    validated: Bounds | None = None
    par: Bounds | None = None


class DurationLimits(RangesText):
    """How long a phase may last."""

    unit: UnitName
    study: str = ""


class RelativeText(RangesText):
    """Ranges around the set point: differences, so that a temperature's are in delta_degC."""

    unit: UnitName = ""


class ParameterText(RangesText):
    """The ranges of one parameter in one phase."""

    unit: UnitName = ""
    reference: Literal["", "gauge", "absolute"] = ""
    after: Duration = 0
    set_point: float | str | None = None  # in `unit`, or the role of the unit's tag that gives it
    relative: RelativeText | None = None
    study: str = ""


class AdditionRate(RangesText):
    """How fast a parameter may change, as the change over the time before."""

    of: str
    unit: UnitName
    over: Duration = 300_000_000_000
    falling: bool = False  # the tag tells what is left
    after: Duration = 0
    study: str = ""


class TimeAt(RangesText):
    """How long a parameter may be within an interval during a phase."""

    of: str
    within: Bounds
    within_unit: UnitName = ""
    unit: UnitName  # of time
    study: str = ""


class PhaseText(BaseModel):
    """A phase: its `duration`, its derived parameters, and under every other key a parameter's ranges."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, ParameterText] = Field(init=False)

    duration: DurationLimits | None = None
    addition_rate: dict[str, AdditionRate] = {}
    time_at: dict[str, TimeAt] = {}
    expects: dict[str, ExpectationText] = {}

    @property
    def parameters(self) -> dict[str, ParameterText]:
        """The ranges by role."""
        return self.__pydantic_extra__


class ParallelPhases(Section):
    """Phases of one unit beside each other: understood, so that it can be refused in words."""

    parallel: list[list[str]]


class OperationText(Section):
    """Phases in their order."""

    operation: str
    phases: list[str | ParallelPhases] = Field(min_length=1)


class UnitProcedureText(Section):
    """What is done on one unit."""

    unit_procedure: str
    units: tuple[str, ...] = ()
    operations: list[OperationText] = Field(min_length=1)


class ParallelText(Section):
    """Paths that run beside each other."""

    parallel: "list[list[UnitProcedureText | ParallelText]]" = Field(min_length=2)


class ChargedText(Section):
    """For how much of a charged material a theoretical yield is."""

    material: str
    amount: Decimal = Field(gt=0)
    unit: UnitName


class YieldText(Section):
    """What a step should give, and which part of it is expected, in percent."""

    unit: UnitName
    theoretical: Decimal = Field(gt=0)
    expected: tuple[Decimal | None, Decimal | None]
    study: str = ""
    material: str = ""
    leaves: tuple[str, ...] = ()
    per: ChargedText | None = None


class RecipeText(Section):
    """A master recipe."""

    version: int = Field(ge=1)
    change: str = ""
    gmp_start: str = ""
    procedure: list[UnitProcedureText | ParallelText] = []
    phases: dict[str, PhaseText]
    yields: dict[str, YieldText] = {}


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


class AuditText(Section):
    """Where the audit trail's head is kept besides: files and addresses."""

    heads: tuple[str, ...] = Field(default=(), max_length=8)


class ShiftsText(Section):
    """When shifts begin, by the plant's own clock."""

    zone: str
    starts: tuple[str, ...] = Field(min_length=1, max_length=24)


class PositionText(Section):
    """A seat from which an operator answers alarms: whose load is measured."""

    units: tuple[str, ...] = ()  # names, or patterns such as `R1*`; none: all that no other position has


class ReportText(Section):
    """To whom the week's alarm report goes, and when."""

    to: str
    at: str = "Mon 07:00"
    zone: str | None = None  # left out: that of the shifts, else UTC


class ClassText(Section):
    """What holds for alarms of one kind."""

    standard_comment: str = ""
    shelve: tuple[RoleName, ...] = ()
    longest_shelf: Duration | None = None
    re_alarm: Duration = 0
    re_alarm_unacknowledged: Duration = 0
    latching: bool = False


class SuppressText(Section):
    """Alarms to which nobody need respond while their unit is idle, in a phase, or its equipment in a state."""

    alarms: tuple[str, ...] = Field(min_length=1)
    units: tuple[str, ...] = ()
    idle: Duration | None = None
    phases: tuple[str, ...] = ()
    equipment: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _when(self) -> Self:
        if self.idle is None and not self.phases and not self.equipment:
            raise ValueError("needs one of `idle`, `phases` and `equipment`: when it is suppressed")
        return self


class AlarmSystemText(Section):
    """What holds for all alarms."""

    classes: dict[str, ClassText] = {}
    longest_shelf: dict[AlarmPriorityName, Duration] = {}
    suppress: dict[str, SuppressText] = {}
    report: ReportText | None = None


class PostgreSql(Section):
    """A database of a PostgreSQL server."""

    host: Annotated[str, AfterValidator(_host)]  # or the folder of its Unix socket
    port: int = Field(default=5432, ge=1, le=65535)
    database: str = Field(default="thermowell", min_length=1)
    user: str = Field(default="thermowell", min_length=1)
    password_file: str | None = None
    tls: Literal["off", "require", "verify-ca", "verify-full"] | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("needs both of `certificate_file` and `key_file`, or none of them")
        return self


class RecordsText(Section):
    """Where the records lie: without anything, in a file of the data folder."""

    postgresql: PostgreSql | None = None


class WebhookText(Section):
    """A program that takes notices as signed JSON."""

    url: str | None = Field(default=None, pattern=r"^https?://[^/@\s]+(/\S*)?$")
    url_file: str | None = None  # where the address is a secret
    secret_file: str  # signs what is sent

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("needs exactly one of `url` and `url_file`")
        return self


class Notify(Section):
    """Somebody who is told."""

    url: str | None = None
    url_file: str | None = None
    webhook: WebhookText | None = None
    priority: PriorityName = "high"
    pictures: bool = True  # a second message with the trend, where the channel takes pictures

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(each is not None for each in (self.url, self.url_file, self.webhook)) != 1:
            raise ValueError("needs exactly one of `url`, `url_file` and `webhook`")
        return self


class MqttDisplayText(Section):
    """A broker that has the states of the alarms, for displays."""

    url: str
    topic: str = "thermowell"
    user: str | None = None
    password_file: str | None = None
    ca_file: str | None = None


class DisplaysText(Section):
    """Where the states of the alarms are shown elsewhere."""

    mqtt: MqttDisplayText | None = None


class AlertmanagerText(Section):
    """An Alertmanager that hears of alarms."""

    url: str = Field(pattern=r"^https?://[^/@\s]+(/\S*)?$")


class QuietText(Section):
    """When a person is not disturbed, by their own clock."""

    start: str = Field(alias="from", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    end: str = Field(alias="to", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")

    @model_validator(mode="after")
    def _some_hours(self) -> Self:
        if self.start == self.end:
            raise ValueError("quiet hours end when they begin: leave them out, or write another end")
        return self


class PersonText(Section):
    """Somebody who is told, by which channels, in which language and when."""

    tell: tuple[str, ...] = Field(min_length=1)
    language: Literal["en", "de"] = "en"
    zone: str = "UTC"
    quiet: QuietText | None = None
    priority: PriorityName | None = None  # left out: high, or where there is a rota only as that one says


class StepText(Section):
    """Whom a rota tells next while nobody acknowledges, so long after it was told first."""

    after: Duration
    tell: str | tuple[str, ...]


class RotaText(Section):
    """Who is on duty, by a calendar; and what happens while nobody acknowledges."""

    zone: str
    calendar: str | None = None  # a file
    url: str | None = Field(default=None, pattern=r"^https?://[^/@\s]+(/\S*)?$")
    url_file: str | None = None  # where the address is a secret
    every: Duration = 900_000_000_000
    stale: Duration = 86_400_000_000_000
    fallback: str
    priority: PriorityName = "high"
    escalate: tuple[StepText, ...] = Field(default=(), max_length=20)
    repeat: Duration | None = None
    rounds: int = Field(default=4, ge=2, le=100)  # with `repeat`: how often in all
    returned: Literal["ends", "goes on"] = "ends"
    hand_over: Literal["duty", "shifts", "off"] = "duty"

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if sum(each is not None for each in (self.calendar, self.url, self.url_file)) != 1:
            raise ValueError("needs exactly one of `calendar`, `url` and `url_file`")
        if min(self.every, self.stale) < 1_000_000_000:
            raise ValueError("`every` and `stale` are at least 1s")
        if self.repeat is not None and self.repeat < 1_000_000_000:
            raise ValueError("`repeat` is at least 1s")
        return self


class LogText(Section):
    """How the service's log lines look."""

    format: Literal["text", "json"] = "text"


class DeadmanText(Section):
    """Where a sign of life goes while the whole way works."""

    url: str | None = Field(default=None, pattern=r"^https?://[^/@\s]+(/\S*)?$")
    url_file: str | None = None
    file: str | None = None
    every: Duration = 60_000_000_000

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(each is not None for each in (self.url, self.url_file, self.file)) != 1:
            raise ValueError("needs exactly one of `url`, `url_file` and `file`")
        if self.every < 1_000_000_000:
            raise ValueError("`every` is at least 1s")
        return self


class InfluxDb(Section):
    """A bucket of an InfluxDB 2."""

    url: str = Field(pattern=r"^https?://[^/@]+(/.*)?$")
    org: str
    bucket: str
    token_file: str
    retention: Duration = 0  # what `thermowell influx init` sets; 0: for ever


class Grafana(Section):
    """The Grafana that has our dashboards, as people reach it; our page links to it."""

    url: str = Field(pattern=r"^https?://[^/@]+(/.*)?$")


class Mirror(Section):
    """A copy of the samples elsewhere; it proves nothing."""

    influxdb: InfluxDb
    journal_waits: Duration = 6 * 3_600_000_000_000  # how long what it lacks stays in the journal


class ClockText(Section):
    """A simulated plant's clock, shared with it by its three numbers; everything recorded under it says so."""

    speed: float = Field(gt=0, le=10_000)
    wall_origin: int
    plant_origin: int


class ClockFile(Section):
    """A simulated plant's clock that may be set ahead: the bench keeps the three numbers in this file."""

    file: str


class JournalText(Section):
    """The journal's rhythm and budget."""

    flush_interval: Duration = 100_000_000
    quota: str | None = None


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


class ReviewText(Section):
    """What people may say of a finding in the review of a batch, and how a number of the quality system looks."""

    classes: list[str] = Field(default=["no impact", "deviation opened", "instrument"], min_length=1, max_length=20)
    numbered: list[str] = ["deviation opened"]  # of these classes, with a number
    number: str = Field(default=r"[A-Z]{2,6}-\d{2,4}-\d{1,6}", max_length=200)  # a regular expression for all of it


class ConfigFile(Section):
    """The whole file."""

    site: str = Field(default="plant", min_length=1)
    data: str = "./data"
    before_gmp: Literal["alarm", "event"] = "event"  # what is outside in a phase before the GMP start point
    late_excursions: Literal["alarm", "event"] = "alarm"  # what late rows show, when it is over already
    approval: Literal["off", "required"] = "off"
    heartbeat: Duration = 5_000_000_000
    http: Http = Http()
    login: LoginText = LoginText()
    journal: JournalText = JournalText()
    records: RecordsText = RecordsText()
    clock: ClockText | ClockFile | None = None
    sources: dict[str, Source] = {}
    templates: dict[str, Template] = {}
    units: dict[str, UnitText] = {}
    tags: dict[str, TagText] = {}
    recipes: dict[str, RecipeText] = {}
    holds: dict[str, HoldText] = {}
    budgets: dict[str, BudgetText] = {}
    shifts: ShiftsText | None = None
    drift: PlantDrift = PlantDrift()
    positions: dict[str, PositionText] = {}
    alarms: AlarmSystemText = AlarmSystemText()
    notify: dict[str, Notify] = {}
    people: dict[str, PersonText] = {}
    displays: DisplaysText = DisplaysText()
    alertmanager: AlertmanagerText | None = None
    translations: dict[Literal["en", "de"], dict[str, str]] = {}  # texts of this file in other languages
    rota: dict[str, RotaText] = {}
    audit: AuditText = AuditText()
    log: LogText = LogText()
    deadman: DeadmanText | None = None
    mirrors: dict[str, Mirror] = {}
    grafana: Grafana | None = None
    models: dict[str, ModelText] = {}
    review: ReviewText = ReviewText()
