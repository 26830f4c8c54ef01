"""The shape of the whole configuration file; its parts stand in `service.config.shape`. Meaning is `build`'s."""

from typing import Literal

from pydantic import Field

from service.config.shape.access import Http, LoginText
from service.config.shape.alarms import AlarmSystemText, PositionText, ShiftsText
from service.config.shape.holds import BudgetText, HoldText
from service.config.shape.models import ModelText
from service.config.shape.plant import UnitText
from service.config.shape.recipes import RecipeText
from service.config.shape.sources import Source
from service.config.shape.stores import (
    AuditText,
    ClockFile,
    ClockText,
    DeadmanText,
    Grafana,
    JournalText,
    LogText,
    Mirror,
    RecordsText,
    ReviewText,
)
from service.config.shape.tags import PlantDrift, TagText, Template
from service.config.shape.telling import AlertmanagerText, DisplaysText, Notify, PersonText, RotaText
from service.config.shape.values import Duration, Section


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
