"""The pages, rendered; what moves on them is filled in by their scripts."""

import copy
from collections.abc import Sequence
from pathlib import Path

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from api.clock import PlantClock
from api.dependencies import Dependencies
from api.navigation import Place, current_of
from api.shapes import Shape, unit_label
from api.stream import Standstill
from domain.equipment import UnitModel
from domain.rationalisation import CLASSES, SHELVES_NS
from domain.roles import Role
from domain.tags import Tag, TagTable
from domain.time import format_duration
from domain.words import counted

HERE = Path(__file__).parent
STATIC = HERE / "static"
TRENDS_PER_UNIT = 3
TRENDS_WITHOUT_UNITS = 12
MORE_WITHOUT_UNITS = 60

_ROLES = {
    "TT": "Temperature",
    "PT": "Pressure",
    "AT": "pH",
    "LT": "Level",
    "FT": "Flow",
    "WT": "Weight",
}
_FIRST = ("TT", "PT", "AT", "LT")


class Pages:
    """The templates, and what each page has to know before its scripts ask for more."""

    def __init__(self, deps: Dependencies, places: Sequence[Place] = ()) -> None:
        self._deps, self._places = deps, tuple(places)
        self._root = self._path = ""
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "pages"),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def under(self, root: str, path: str = "") -> "Pages":
        """The same pages with links that begin at `root`, the path that a proxy puts before ours; empty: none.

        `path` is the page that is asked for, behind that root: the navigation marks it.
        """
        pages = copy.copy(self)
        pages._root, pages._path = root, path  # noqa: SLF001  its own kind
        return pages

    def overview(self) -> str:
        """All units at a glance."""
        units = self._units()
        return self._render("overview.html", {"units": units}, units=units)

    def alarm(self, told: dict[str, object]) -> str:
        """One alarm with its history."""
        return self._render("alarm.html", {}, told=told)

    def alarms(self) -> str:
        """The alarm list; its script fills it."""
        rulebook = self._deps.rulebook
        classes = {
            name: {"standard_comment": each.standard_comment, "longest_shelf_ns": each.longest_shelf_ns}
            for name, each in (dict(CLASSES) | dict(rulebook.classes)).items()
        }
        shelves = {
            str(int(priority)): ns for priority, ns in (dict(SHELVES_NS) | dict(rulebook.longest_shelves)).items()
        }
        measured = self._deps.measures is not None
        return self._render("alarms.html", {"classes": classes, "shelves_ns": shelves, "measured": measured})

    def handover(self, told: Shape, earlier: int) -> str:
        """What the next shift has to know."""
        units = list(self._deps.rulebook.units)
        return self._render(
            "handover.html", {}, told=told, earlier=earlier, units=units, lasting=format_duration, counted=counted
        )

    def recipes(self, recipes: list[Shape]) -> str:
        """Which versions of the ranges judge, and what waits."""
        return self._render("recipes.html", {}, recipes=recipes)

    def ranges(self, told: Shape) -> str:
        """Range changes, with the steps of whoever looks."""
        return self._render("ranges.html", {}, told=told)

    def audit(self) -> str:
        """The audit trail's form."""
        return self._render("audit.html", {}, roles=tuple(Role))

    def performance(self, shown: Shape) -> str:
        """How the alarm system behaves; `shown` is what `api.routes.pages` puts together."""
        return self._render("performance.html", {}, lasting=format_duration, **shown)

    def batch(self, told: Shape, lanes: list[Shape], review: Shape, back: Shape, forward: Shape) -> str:
        """One batch with its phases, versions, findings, holds, relatives and events."""
        return self._render("batch.html", {}, told=told, lanes=lanes, review=review, back=back, forward=forward)

    def link(self, told: Shape, token: str = "") -> str:
        """What a link in a message leads to."""
        return self._render("link.html", {"token": token}, told=told)

    def duty(self, told: Shape) -> str:
        """Who would be told now, and why."""
        return self._render("duty.html", {}, told=told, span=format_duration)

    def plain(self, template: str) -> str:
        """A page that knows nothing beforehand but which roles there are."""
        return self._render(template, {}, roles=tuple(Role))

    def batch_review(self, told: Shape) -> str:
        """What is open of a batch's review, the dispositions, and the signatures."""
        return self._render("batch_review.html", {}, told=told)

    def problem(self, status: int, detail: str) -> str:
        """What a person reads when a page does not exist."""
        return self._render("problem.html", {}, status=status, detail=detail)

    def _render(self, template: str, plan: Shape, **more: object) -> str:
        deps, clock = self._deps, PlantClock(self._deps.zone)
        plan = plan | {"site": deps.site, "simulated": deps.simulated, "speed": deps.clock.speed, "zone": deps.zone}
        return self._environment.get_template(template).render(
            site=deps.site,
            zone=deps.zone,
            iso=clock.moment,
            root=self._root,
            places=self._places,
            current=current_of(self._places, self._path),
            version=deps.version,
            simulated=deps.simulated,
            speed=f"{deps.clock.speed:g}",
            approved=deps.approval not in ("off", ""),
            judged=bool(deps.rulebook.recipes),
            grafana=deps.grafana,
            standstill=_told(deps.feed.standstill, clock),
            plan=plan,
            plan_json=_embedded(plan),
            **more,
        )

    def _units(self) -> list[Shape]:
        """The units with their parameters; without units, the sources with their tags."""
        tags = self._deps.feed.tags
        units = [_unit_shape(unit, tags) for unit in self._deps.rulebook.units.values()]
        return units or _sources(list(tags))


def _told(standstill: Standstill | None, clock: PlantClock) -> str:
    """What stands at the top of a page while nothing is judged; the page's script says it alike."""
    if standstill is None:
        return ""
    since = clock.time(standstill.since_ns // 1_000_000)
    return f"The service does not judge since {since}: {standstill.why}."


def _embedded(plan: Shape) -> Markup:
    """JSON that may stand in a page: nothing in it can end the element around it."""
    return Markup(orjson.dumps(plan).decode().replace("<", "\\u003c"))  # noqa: S704 - escaped on the spot


def _unit_shape(unit: UnitModel, tags: TagTable) -> Shape:
    """A unit's card: trends of what is measured, the most telling first; the rest as values."""
    # The card's head tells batch and phase in words.
    told = {unit.batch_tag, unit.phase_tag, unit.recipe_tag}
    shapes = [
        _parameter_shape(role, name, tags.find(name)) for role, name in unit.parameters.items() if name not in told
    ]
    shapes = [shape for shape in shapes if shape["kind"] != "text"]
    shapes.sort(key=lambda shape: (shape["kind"] == "boolean", _place(str(shape["role"]))))
    drawn = [shape for shape in shapes if shape["kind"] == "number"][:TRENDS_PER_UNIT]
    more = [shape for shape in shapes if shape not in drawn]
    return {"name": unit.name, "is_source": False, "trends": drawn, "more": more}


def _place(role: str) -> int:
    return _FIRST.index(role) if role in _FIRST else len(_FIRST)


def _parameter_shape(role: str, name: str, tag: Tag | None) -> Shape:
    label = "" if tag is None else unit_label(tag.unit, tag.reference)
    return {
        "tag": name,
        "role": role,
        "title": _title(role, name, tag),
        "unit": label,
        "kind": "number" if tag is None else tag.kind,
    }


def _title(role: str, name: str, tag: Tag | None) -> str:
    if role == "AT" and tag is not None and tag.unit not in ("", "pH"):
        return tag.description or name
    if role in _ROLES:
        return _ROLES[role]
    return name if tag is None else tag.description or name


def _sources(tags: list[Tag]) -> list[Shape]:
    """One card for each source, where nobody has told which units there are."""
    shapes: list[Shape] = []
    for source in sorted({tag.source for tag in tags}):
        own = [_parameter_shape("", tag.name, tag) for tag in tags if tag.source == source and tag.kind != "text"]
        shapes.append(
            {
                "name": source,
                "is_source": True,
                "trends": own[:TRENDS_WITHOUT_UNITS],
                "more": own[TRENDS_WITHOUT_UNITS:MORE_WITHOUT_UNITS],
            },
        )
    return shapes
