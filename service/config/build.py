"""From a checked file to the domain's nouns: what is collected, what judges, who is told."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from alarms.recipients import Recipient
from domain.errors import Complaint, ConfigError
from domain.performance import Positions
from domain.recipes import Recipe
from domain.review import ReviewRules
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import ScaledTime
from records.address import Server
from service.config import recipes, tags
from service.config.audit import check_audit
from service.config.checking import validated
from service.config.directory import ldap_of
from service.config.displays import check_displays
from service.config.document import Document, read_document
from service.config.drift import learn_warnings
from service.config.model import ConfigFile
from service.config.models import drafted_models
from service.config.network import Network, network_of, remarks
from service.config.people import recipients, ways
from service.config.positions import positions_of
from service.config.quantities import registry
from service.config.reached import check_sources
from service.config.records import records_of
from service.config.reports import ReportPlan, report_of, zone_of
from service.config.review import review_rules
from service.config.rota import check_rota
from service.config.shape.access import OidcText
from service.config.shape.models import ModelText
from service.config.shape.sources import Source
from service.config.shape.stores import ClockFile, ClockText, DeadmanText, Mirror
from service.config.shape.telling import DisplaysText, Notify, RotaText
from service.config.tags import Route
from service.config.telling import check_event_topics
from service.login.directory import Told

if TYPE_CHECKING:
    from service.config.login import OpenId

_LEAST_QUOTA_BYTES = 32_000_000


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration that can run. `tags` have no ids yet: the journal's tag table gives them."""

    site: str
    file: Path
    data: Path
    host: str
    port: int
    http: Network
    openid: "OpenId | None"  # the provider by which people sign in
    ldap: Told | None  # the directory whose people sign in
    heartbeat_ns: int
    flush_interval_ns: int
    quota_bytes: int | None
    review: ReviewRules
    records: Server | None  # None: the records are a file in the data folder
    clock: ScaledTime | Path | None  # a simulated plant's; the file that says it, if it may be set ahead
    sources: Mapping[str, Source]
    tags: tuple[Tag, ...]
    routes: Mapping[str, Route]  # of MQTT tags, by tag name
    rulebook: Rulebook
    notify: Mapping[str, Notify]
    positions: Positions
    people: Mapping[str, Recipient]
    displays: DisplaysText
    alertmanager: str  # its address; empty: there is none
    ways: frozenset[str]  # channels that tell nobody but who is told by them
    report: ReportPlan | None  # the week's, of the alarm system
    zone: ZoneInfo  # the plant's: whose weeks are counted, and by which the audit trail's times are shown
    rota: Mapping[str, RotaText]
    log: Literal["text", "json"]
    deadman: DeadmanText | None
    audit_heads: tuple[str, ...]  # files and addresses; none: a file in the data folder
    mirrors: Mapping[str, Mirror]
    grafana: str  # its address as people reach it, without a slash at its end; empty: there is none
    models: Mapping[str, ModelText]  # as they are to be trained; those that have a file are in the rulebook
    hash: str
    text: str
    warnings: tuple[Complaint, ...]  # what may run as it is, and should not
    files: tuple[Path, ...] = ()  # the file, and all that it includes

    def beside(self, name: str) -> Path:
        """A path written in the file, relative to the file's folder."""
        return (self.file.parent / name).resolve()


def load(file: Path) -> Configuration:
    """Read, check and build; ConfigError carries every complaint found, each with its place."""
    document = read_document(file)
    return _build(document, validated(document, ConfigFile), file)


def _clock(clock: ClockText | ClockFile | None, path: Path) -> ScaledTime | Path | None:
    if isinstance(clock, ClockFile):
        return (path.parent / clock.file).resolve()
    return None if clock is None else ScaledTime(clock.wall_origin, clock.plant_origin, clock.speed)


def _build(document: Document, file: ConfigFile, path: Path) -> Configuration:
    complaints: list[Complaint] = []
    units = tags.expand(document, file, complaints)
    built_tags, routes = tags.build(document, file, units, complaints)
    by_name = {tag.name: tag for tag in built_tags}
    rulebook = recipes.rulebook(document, file, units, by_name, complaints)
    check_event_topics(document, file, routes, complaints)
    check_sources(document, file, path, complaints)
    models = drafted_models(document, file, path, rulebook, by_name, complaints)
    http = network_of(document, file.http, path, complaints)
    openid = _openid(document, file.login.oidc, http.page_url, path, complaints)
    ldap = ldap_of(document, file.login.ldap, path, complaints)
    quota = _quota(document, file.journal.quota, complaints)
    _check_notify(document, file, path, complaints)
    check_displays(document, file, path, complaints)
    people = recipients(document, file, complaints)
    check_rota(document, file, path, file.people, complaints)
    _check_mirrors(document, file, path, complaints)
    _check_deadman(document, file, path, complaints)
    check_audit(document, file, path, complaints)
    positions = positions_of(document, file.positions, file.units, complaints)
    review = review_rules(document, file.review, complaints)
    records = records_of(document, file.records.postgresql, path, complaints)
    report, zone = report_of(document, file, complaints), zone_of(document, file, complaints)
    if complaints:
        raise ConfigError(tuple(complaints))
    digest = hashlib.sha256(document.text.encode()).hexdigest()
    return Configuration(
        site=file.site,
        file=path.resolve(),
        data=(path.parent / file.data).resolve(),
        host=http.host,
        port=http.port,
        http=http,
        openid=openid,
        ldap=ldap,
        heartbeat_ns=file.heartbeat,
        flush_interval_ns=file.journal.flush_interval,
        quota_bytes=quota,
        records=records,
        review=review,
        clock=_clock(file.clock, path),
        sources=file.sources,
        tags=built_tags,
        routes=routes,
        rulebook=hashed(replace(rulebook, models=models, positions=positions.of_unit)),
        models=file.models,
        notify=file.notify,
        positions=positions,
        people=people,
        displays=file.displays,
        alertmanager="" if file.alertmanager is None else file.alertmanager.url,
        ways=ways(file),
        report=report,
        zone=zone,
        rota=file.rota,
        log=file.log.format,
        deadman=file.deadman,
        audit_heads=file.audit.heads,
        mirrors=file.mirrors,
        grafana="" if file.grafana is None else file.grafana.url.rstrip("/"),
        hash=digest,
        text=document.text,
        warnings=(
            *remarks(document, http, has_notices=bool(file.notify)),
            *learn_warnings(document, units),
        ),
        files=tuple(document.files),
    )


def hashed(rulebook: Rulebook) -> Rulebook:
    """The same rules with their hash."""
    return replace(rulebook, hash=_rules_hash(replace(rulebook, hash="")))


def _rules_hash(rulebook: Rulebook) -> str:
    """What judges, independent of file layout: the hash of the rules themselves.

    Where ranges have to be approved the files' recipes judge nothing; which products there are still counts.
    """
    # What people may do to alarms changes no finding: nothing is judged anew for it.
    rulebook = replace(rulebook, classes={}, suppressions=(), positions={}, longest_shelves={})
    if rulebook.approval != "off":
        names = {product: Recipe(product, 0, "", {}) for product in rulebook.recipes}
        rulebook = replace(rulebook, recipes=names)
    return hashlib.sha256(repr(rulebook).encode()).hexdigest()


def _openid(
    document: Document, told: OidcText | None, page_url: str, path: Path, complaints: list[Complaint]
) -> "OpenId | None":
    if told is None:
        return None
    from service.config.login import openid_of  # noqa: PLC0415  loads cryptography, for sites that have a provider

    return openid_of(document, told, page_url, path, complaints)


def _quota(document: Document, quota: str | None, complaints: list[Complaint]) -> int | None:
    if quota is None:
        return None
    try:
        size = round(float(registry().Quantity(quota).to("byte").magnitude))
    except Exception:  # noqa: BLE001  pint raises a dozen kinds; each becomes a complaint
        complaints.append(document.complain(("journal", "quota"), f"{quota!r} is no size (such as 20 GB)"))
        return None
    if size < _LEAST_QUOTA_BYTES:
        message = f"{quota!r} is too little: the journal's log alone takes a part of the least, 32 MB"
        complaints.append(document.complain(("journal", "quota"), message))
    return size


def _check_notify(document: Document, file: ConfigFile, path: Path, complaints: list[Complaint]) -> None:
    for name, entry in file.notify.items():
        if entry.url_file and not (path.parent / entry.url_file).is_file():
            complaints.append(document.complain(("notify", name, "url_file"), f"no file {entry.url_file!r}"))
        for key in ("url_file", "secret_file") if entry.webhook is not None else ():
            file_name = getattr(entry.webhook, key)
            if file_name is not None and not (path.parent / file_name).is_file():
                complaints.append(document.complain(("notify", name, "webhook", key), f"no file {file_name!r}"))


def _check_deadman(document: Document, file: ConfigFile, path: Path, complaints: list[Complaint]) -> None:
    deadman = file.deadman
    if deadman is not None and deadman.url_file and not (path.parent / deadman.url_file).is_file():
        complaints.append(document.complain(("deadman", "url_file"), f"no file {deadman.url_file!r}"))
    if deadman is not None and deadman.file and not (path.parent / deadman.file).parent.is_dir():
        complaints.append(document.complain(("deadman", "file"), f"no folder for {deadman.file!r}"))


def _check_mirrors(document: Document, file: ConfigFile, path: Path, complaints: list[Complaint]) -> None:
    for name, mirror in file.mirrors.items():
        if not (path.parent / mirror.influxdb.token_file).is_file():
            place = ("mirrors", name, "influxdb", "token_file")
            complaints.append(document.complain(place, f"no file {mirror.influxdb.token_file!r}"))
