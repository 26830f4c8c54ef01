"""From a scenario file to a `Scenario`: every wrong line at once, each with its place and what was perhaps meant."""

import re
from pathlib import Path

from domain.errors import Complaint, ConfigError
from service.bench import values
from service.bench.complaints import Complaints
from service.bench.fault_reading import Scene, read_faults
from service.bench.plant_reading import read_instruments, read_layout, read_plan, read_servers
from service.bench.recipe_reading import read_recipe
from service.bench.schema import ScenarioText
from service.config.checking import unknown, validated
from service.config.document import Document, read_document
from simulators.faults.spec import FaultSpec
from simulators.layout import SMALL
from simulators.recipe import USUAL
from simulators.scenario import Acceptance, CampaignPlan, Scenario
from simulators.tags import plant_tags

LIBRARY = Path(__file__).parents[2] / "simulators" / "scenarios"
"""The scenarios that come with the bench."""

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?(?:[Tt ][0-9:.]+)?")
_DEFAULTS = Scenario("", "", 0, 0, 0, SMALL, USUAL, CampaignPlan((), ()))


def library() -> tuple[Path, ...]:
    """The files of the scenarios that come with the bench, by name."""
    return tuple(sorted(LIBRARY.glob("*.yaml")))


def find(word: str) -> Path:
    """The file of a scenario: a path, or the name of one in the library; ConfigError where there is none."""
    given = Path(word)
    if given.is_file():
        return given
    known = {file.stem: file for file in library()}
    if word in known:
        return known[word]
    raise ConfigError((Complaint(word, 1, 1, "(file)", f"no such file, and {unknown('scenario', word, known)}"),))


def read_scenario(file: Path) -> Scenario:
    """Read and check a scenario; ConfigError carries every complaint found, each with its place."""
    document = _document(file)
    if ("include",) in document.places:
        raise ConfigError((document.complain(("include",), "is not a known key: a scenario is one file"),))
    return _scenario(document, validated(document, ScenarioText))


def _document(file: Path) -> Document:
    """The file's values; a day that no calendar has is complained about, as YAML reads dates by itself."""
    try:
        return read_document(file)
    except ValueError as error:
        complaints = []
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            for date in _DATE.finditer(line):
                try:
                    values.instant_ns(date[0])
                except ValueError as wrong:
                    complaints.append(Complaint(str(file), number, date.start() + 1, "(yaml)", str(wrong)))
        raise ConfigError(tuple(complaints) or (Complaint(str(file), 1, 1, "(yaml)", str(error)),)) from error


def _scenario(document: Document, text: ScenarioText) -> Scenario:
    """Read the parts in the order in which they lean on each other; ConfigError with every complaint."""
    complaints = Complaints(document)
    layout, servers = read_layout(text.plant, complaints), read_servers(text.servers)
    tags = plant_tags(layout, servers)
    measured = {tag.name: tag for tag in tags.measured}
    of_reactors = {
        tag.role: tag for tag in tags.measured if tag.name == f"{tag.place}.{tag.role}" and tag.place in layout.reactors
    }
    recipe = read_recipe(text.recipe, of_reactors, complaints)
    plan = read_plan(text.campaign, layout, recipe, text.lasts, complaints)
    step_s = _DEFAULTS.step_s if text.step is None else text.step
    scene = Scene(text.start, text.lasts, layout, recipe, plan, servers, tags, step_s)
    specs = read_faults(text.faults, scene, complaints)
    scenario = Scenario(
        name=text.name,
        teaches=text.teaches,
        seed=text.seed,
        start_ns=text.start,
        lasts_s=text.lasts,
        layout=layout,
        recipe=recipe,
        plan=plan,
        step_s=step_s,
        speed=_DEFAULTS.speed if text.speed is None else text.speed,
        instruments=read_instruments(text.instruments, measured, complaints),
        faults=specs,
        servers=servers,
        acceptance=_acceptance(text, specs, complaints),
        file=document.file,
        text=document.text,
    )
    _check_whole(scenario, complaints)
    complaints.raise_any()
    return scenario


def _check_whole(scenario: Scenario, complaints: Complaints) -> None:
    if scenario.lasts_s < 60:
        complaints.add(("lasts",), "is too short: a run lasts at least a minute")
    if not 1 <= scenario.step_s <= 5 or 5 % scenario.step_s:
        complaints.add(("step",), f"must be 1s or 5s, not {scenario.step_s} s")
    if not scenario.servers.opcua and not scenario.servers.mqtt:
        complaints.add(("servers",), "names no server: neither OPC UA nor MQTT")
    if scenario.servers.events and scenario.servers.mqtt not in ("json", "uns"):
        complaints.add(("servers", "mqtt", "events"), "events are JSON: they need the payload json or uns")


def _acceptance(text: ScenarioText, specs: tuple[FaultSpec, ...], complaints: Complaints) -> Acceptance:
    """Delays by fault id; one by kind counts for every fault of it."""
    asked = text.acceptance
    delay_s: dict[str, int] = {}
    for word, longest_s in asked.delay.items():
        meant = [spec.id for spec in specs if word in (spec.id, spec.kind)]
        written = {name for fault in text.faults for name in (fault.id, fault.kind)}
        if not meant and word != "*" and word not in written:
            known = dict.fromkeys([*(spec.id for spec in specs), *(spec.kind for spec in specs)])
            complaints.add(("acceptance", "delay", word), unknown("fault of this scenario", word, known))
        delay_s.update(dict.fromkeys(meant or ["*"], longest_s))
    return Acceptance(asked.found, delay_s, asked.false_alarms, asked.lost, asked.doubled)
