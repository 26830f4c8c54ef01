"""The web process: pages, API and event stream over the record, read-only but for people's requests."""

import asyncio
import logging
import time
from dataclasses import dataclass
from functools import partial

from api.app import create_app
from api.dependencies import BudgetRun, Dependencies, DutyTold, Elsewhere, HoldRun, TextRow
from api.serve import serve
from api.stream import Feed
from dashboards.uids import board_uid
from domain.errors import RetryLater
from domain.figures import Histogram, Reading
from domain.identity import PasswordProvider
from domain.rules import SuppressionNow
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from records.desk import SqlPeople
from service.clock import make_clock
from service.config.amounts import amount_fault
from service.config.build import Configuration
from service.deciding import hold, told_to_stop
from service.files import Files
from service.first_link import tell_first_link
from service.gauges import figures_of, read_report, record_counts
from service.https import Renewing, usable
from service.keeping import journal_there, open_records
from service.login.fresh import FreshProofs
from service.loop_delay import watch_loop
from service.machine import build_figures, certificate_figures, process_figures
from service.measuring import Measuring
from service.ranges.desk import Ranges
from service.ranges.standing import judging_recipes, standings_of
from service.review.making import Reports
from service.roles import WEB
from service.set_points import recorded_steps
from service.signing import Signing, proof_by_password
from service.standstill import StandstillWatch
from service.telling.rotas import Rotas, rotas_of
from service.telling.told_now import ToldNow
from service.telling.way_back import links_of
from service.version import VERSION
from service.wake import Waker, listening

log = logging.getLogger(__name__)


async def run_web(configuration: Configuration) -> None:
    """Serve until SIGTERM or SIGINT. OSError if the address cannot be had."""
    stop = told_to_stop()
    files = Files(configuration.data).made()
    if not await journal_there(files, stop):
        return
    journal = ReadOnlyJournal(files.journal)
    history = HistoryView(files.history, journal)
    records = open_records(configuration)
    clock = make_clock(configuration.clock)
    standing = StandstillWatch(files.run, clock)
    feed = Feed(journal, records, clock, refresh=history.refresh, standstill=standing.look)
    waker = Waker(files.run, "core.sock")
    people = records.people.beside(directory_of(configuration))
    proofs = None if configuration.openid is None else FreshProofs()
    signing = Signing(records, proof_by_password(people, proofs), clock.now_ns)
    started_s, delays = time.time(), Histogram("thermowell_event_loop_delay_seconds", ("web",))
    pair = configuration.http.tls
    renewing = None if pair is None else await usable(pair, stop, time.time)
    if stop.is_set():
        return
    dependencies = Dependencies(
        site=configuration.site,
        version=VERSION,
        clock=clock,
        history=history,
        journal=journal,
        records=records,
        people=people,
        feed=feed,
        rulebook=configuration.rulebook,
        wake_core=waker.wake,
        figures=lambda: [*_figures(files, started_s, delays), *_certificate(renewing)],
        ready=lambda: _ready(files),
        holds=lambda: _holds(files),
        budgets=lambda: _budgets(files),
        suppressions=lambda: _suppressions(files),
        set_points=partial(recorded_steps, history),
        texts=JournaledTexts(journal),
        measures=Measuring(records, configuration.positions, configuration.zone),
        influx_databases=tuple(
            dict.fromkeys(["thermowell", *(one.influxdb.bucket for one in configuration.mirrors.values())]),
        ),
        grafana=elsewhere(configuration),
        zone=configuration.zone.key,
        links=links_of(configuration, files),
        duty=partial(_told_now, ToldNow(configuration, Rotas(rotas_of(configuration, files.duty)), records)),
        standings=partial(standings_of, configuration, records),
        judging=partial(judging_recipes, configuration, records),
        record=lambda: record_counts(read_report(files.run)),
        quarantine=journal.quarantined,
        settled=records.settled_requests,
        amount_fault=amount_fault(configuration.rulebook),
        allowed_hosts=configuration.http.names,
        front=configuration.http.front,
        reviews=Reports(configuration, records, journal, history),
        reading_open=configuration.http.reading_open,
        session_rules=configuration.http.session_rules,
        provider=None if configuration.openid is None else configuration.openid.provider(),
        signing=signing,
        proofs=proofs,
        ranges=Ranges(configuration, records, signing, journal, history),
    )
    started = asyncio.Event()
    app = create_app(dependencies)
    with listening(files.run, "web.sock", feed.woken):
        holding = asyncio.create_task(hold(records.lease(WEB)))
        holding.add_done_callback(lambda _: stop.set())
        beside = [asyncio.create_task(_announce(configuration, records.people, started)), holding]
        beside.append(asyncio.create_task(watch_loop(delays)))
        if renewing is not None:
            beside.append(asyncio.create_task(renewing.look_for_ever()))
        tls = None if renewing is None else renewing.context
        await serve(app, configuration.host, configuration.port, stop=stop, started=started, tls=tls)
        for task in beside:
            task.cancel()
        ended = await asyncio.gather(holding, return_exceptions=True)
        if isinstance(ended[0], Exception):
            raise ended[0]


def directory_of(configuration: Configuration) -> PasswordProvider | None:
    """The directory whose people sign in, if there is one."""
    if configuration.ldap is None:
        return None
    from service.login.ldap import Directory  # noqa: PLC0415  most sites have none

    return Directory(configuration.ldap)


def elsewhere(configuration: Configuration) -> Elsewhere | None:
    """Where Grafana has our dashboards, if somebody told."""
    if not configuration.grafana:
        return None
    plant, batch = (
        f"{configuration.grafana}/d/{board_uid(configuration.site, subject)}" for subject in ("overview", "batch")
    )
    return Elsewhere(plant, f"{batch}?var-batch=")


async def _announce(configuration: Configuration, people: SqlPeople, started: asyncio.Event) -> None:
    await started.wait()
    for warning in configuration.warnings:
        if warning.path.startswith("http."):
            log.warning("%s", warning)
    log.info("the page is at %s/", configuration.http.own_url)
    await asyncio.to_thread(tell_first_link, configuration.http, people)


def _told_now(told: ToldNow) -> DutyTold:
    """Who would be told now; duties are by the wall's clock, also where the plant is simulated."""
    return told.look(time.time_ns())


def _ready(files: Files) -> tuple[bool, str]:
    report = read_report(files.run)
    if report is None:
        return False, "the core does not report"
    return bool(report["healthy"]), str(report["why"])


def _figures(files: Files, started_s: float, delays: Histogram) -> list[Reading]:
    """The core's figures as it last told them, and what this process uses."""
    report = read_report(files.run)
    return [
        *build_figures(),
        Reading("thermowell_core_reporting", int(report is not None)),
        Reading("thermowell_ready", int(report is not None and bool(report["healthy"]))),
        Reading("thermowell_process_start_time_seconds", started_s, ("web",)),
        *process_figures("web"),
        delays.reading(),
        *figures_of(report),
    ]


def _certificate(renewing: Renewing | None) -> list[Reading]:
    """When the certificate ends that is served; the core tells of the one in the file."""
    if renewing is None:
        return []
    return list(certificate_figures("http served", renewing.validity.begin_s, renewing.validity.end_s))


@dataclass(frozen=True, slots=True)
class JournaledTexts:
    """The past of text tags, which the journal keeps for good."""

    journal: ReadOnlyJournal

    def read(self, tag: int, start_ns: int, end_ns: int, limit: int) -> list[TextRow]:
        """Rows with start ≤ time < end in time order, at most `limit`."""
        return [TextRow(*row) for row in self.journal.texts(tag, start_ns, end_ns, limit)]


def _holds(files: Files) -> list[HoldRun]:
    """The holds that run, as the core last told."""
    report = read_report(files.run)
    told = [] if report is None else report["holds"]
    assert isinstance(told, list)
    return [HoldRun(**run) for run in told]


def _suppressions(files: Files) -> list[SuppressionNow]:
    """The suppressions in force, as the core last told; RetryLater while it does not: that is not none."""
    report = read_report(files.run)
    if report is None:
        raise RetryLater("the core does not report")
    told = report.get("suppressions", [])
    assert isinstance(told, list)
    return [SuppressionNow(**each) for each in told]


def _budgets(files: Files) -> list[BudgetRun]:
    """What the batches that wait have used of their budgets, as the core last told."""
    report = read_report(files.run)
    told = [] if report is None else report.get("budgets", [])
    assert isinstance(told, list)
    return [BudgetRun(**run) for run in told]
