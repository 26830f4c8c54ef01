"""Runs a scenario against this service: plant, truth, service and score, on virtual time."""

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

from service.bench.findings import write_findings
from service.bench.junit import write_junit
from service.bench.outputs import (
    CONFIGURATION,
    FINDINGS_JSON,
    JUNIT_XML,
    RUN_JSON,
    SCORE_JSON,
    Outcome,
    run_facts,
    told_of,
    write_json,
)
from service.bench.score_file import write_score
from service.bench.scoring import Score, checks, score
from service.bench.service_config import service_config
from service.bench.world import Happening, WorldResult
from service.config.build import Configuration, load
from simulators.campaign import Campaign, updates
from simulators.faults.catalogue import CATALOGUE, Domain
from simulators.scenario import Acceptance, Scenario
from simulators.servers.mqtt_events import BatchTeller
from simulators.truth.files import write_truth
from simulators.truth.labels import LabelKind
from simulators.truth.normal import profile_of
from simulators.truth.recorder import TruthRecorder
from simulators.truth.truth import Truth

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  what the service keeps there need not outlive the run


OUTPUTS: Final = (
    "truth.parquet",
    "truth.json",
    "true_values.parquet",
    FINDINGS_JSON,
    SCORE_JSON,
    JUNIT_XML,
    RUN_JSON,
    CONFIGURATION,
)
"""The files that a run leaves."""


class Runner(Protocol):
    """Lets a plant happen to the service: `run_in_world`, or `run_direct`."""

    def __call__(  # noqa: D102  the protocol's sentence says it
        self,
        happenings: Iterable[Happening],
        configuration: Configuration,
        *,
        start_ns: int,
        seconds: int,
        directory: Path,
        seed: int = 0,
    ) -> WorldResult: ...


def run_scenario(
    scenario: Scenario, folder: Path, runner: Runner, *, repeat: str, profiles: Path | None = None
) -> Outcome:
    """Run a scenario by its own seed and write everything into `folder`; what did not hold is in the outcome.

    `repeat`: the command that runs it again. `profiles`: where profiles of normal batches are kept; None: nowhere.
    """
    began_s = time.process_time()
    folder.mkdir(parents=True, exist_ok=True)
    configuration = _configured(scenario, folder)
    campaign = Campaign(scenario)
    # Virtual time is the wall's and the plant's at once: a second of a slow network is a second of the plant.
    recorder = TruthRecorder(scenario, profile_of(scenario, profiles), speed=1.0)
    campaign.observers.append(recorder)
    profiled_s = time.process_time()
    with TemporaryDirectory(prefix="thermowell-bench-", dir=_MEMORY if _MEMORY.is_dir() else None) as directory:
        result = runner(
            _happenings(campaign),
            configuration,
            start_ns=scenario.start_ns,
            seconds=scenario.lasts_s,
            directory=Path(directory),
            seed=scenario.seed,
        )
    truth, told = recorder.truth(), told_of(result)
    unseen = () if result.accounts else tuple(fault.id for fault in scenario.faults if _is_of_servers(fault.kind))
    scored = _counted(score(truth if result.accounts else _of_the_plant(truth), told), result)
    asked = scenario.acceptance if result.accounts else _asked_of_detectors(scenario.acceptance, unseen)
    cpu_s = time.process_time() - began_s
    outcome = Outcome(scenario, scored, checks(scored, asked), result.complaints, repeat, cpu_s, len(unseen))
    write_truth(truth, folder)
    write_findings(told, folder / FINDINGS_JSON)
    write_junit([outcome], folder / JUNIT_XML)
    write_score(scored, folder / SCORE_JSON, {"scenario": scenario.name, "seed": scenario.seed})
    cost = {"cpu_s": {"profile": round(profiled_s - began_s, 2), "whole": round(outcome.cpu_s, 2)}}
    facts = run_facts(scenario, configuration, result)
    write_json({**facts, **cost, "failures": list(outcome.failures), "repeat": repeat}, folder / RUN_JSON)
    return outcome


def _is_of_servers(kind: str) -> bool:
    return CATALOGUE[kind].domain in (Domain.NETWORK, Domain.OPCUA, Domain.MQTT)


def _of_the_plant(truth: Truth) -> Truth:
    """The truth without what befalls network and servers: the detectors alone cannot see it."""
    kept = (each for each in truth.labels if each.kind is not LabelKind.FAULT or not _is_of_servers(each.what))
    return replace(truth, labels=tuple(kept))


def _asked_of_detectors(acceptance: Acceptance, unseen: Collection[str]) -> Acceptance:
    delay_s = {fault: longest_s for fault, longest_s in acceptance.delay_s.items() if fault not in unseen}
    return replace(acceptance, delay_s=delay_s, lost=None, doubled=None)


def _configured(scenario: Scenario, folder: Path) -> Configuration:
    """The service's configuration, written beside the results and read as the service reads it."""
    file = folder / CONFIGURATION
    file.write_text(service_config(scenario), encoding="utf-8")
    return load(file)


def _happenings(campaign: Campaign) -> Iterator[Happening]:
    """What the campaign tells, from its opening to the end of the run."""
    scenario = campaign.scenario
    opening = campaign.opening
    teller = BatchTeller(scenario.layout, scenario.start_ns)
    if scenario.servers.events:
        campaign.observers.append(teller)
    yield Happening(0, tuple(updates(opening, campaign.tags, scenario.start_ns)), opening.faults)
    for moment in campaign.advance(scenario.lasts_s):
        rows, messages = tuple(updates(moment, campaign.tags, scenario.start_ns)), tuple(teller.messages)
        teller.messages.clear()
        yield Happening(moment.second, rows, moment.faults, messages)


def _counted(scored: Score, result: WorldResult) -> Score:
    """With the samples that were lost and doubled, where somebody counted; what was never sent counts as doubled."""
    if not result.accounts:
        return scored
    accounts = result.accounts.values()
    lost = sum(account.lost for account in accounts)
    return replace(scored, lost=lost, doubled=sum(account.doubled + account.invented for account in accounts))
