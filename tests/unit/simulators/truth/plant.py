"""A plant with short phases, so that a batch and what is normal of it take a second or two."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from simulators.campaign import Campaign
from simulators.faults.spec import FaultSpec
from simulators.layout import SMALL
from simulators.recipe import PHASES, Recipe, TrueRanges
from simulators.scenario import CampaignPlan, Scenario
from simulators.truth.profile import Profile
from simulators.truth.recorder import TruthRecorder
from simulators.truth.truth import Truth

START_NS: Final = 1_790_000_000 * 10**9
_SHORTER: Final = 15
_RECIPE: Final = Recipe(
    "API-1",
    tuple(
        replace(phase, lasts_s=phase.lasts_s // _SHORTER // 5 * 5, ramp_s=phase.ramp_s // _SHORTER) for phase in PHASES
    ),
    {("react", "AT"): TrueRanges((2.0, 11.0), (1.0, 12.0), (0.5, 13.0)), ("dose", "TT"): TrueRanges(nor=(-10.0, 45.0))},
    hold_limit_s=1200,
)
SCENARIO: Final = Scenario(
    name="short",
    teaches="",
    seed=3,
    start_ns=START_NS,
    lasts_s=3600,
    layout=SMALL,
    recipe=_RECIPE,
    plan=CampaignPlan((300, 600), (1, 1), wait_s=300, longest_delay_s=60),
)


def recorded(faults: Sequence[FaultSpec], profile: Profile | None, lasts_s: int = 3600) -> Truth:
    """The truth of a run of the short plant."""
    scenario = replace(SCENARIO, faults=tuple(faults))
    campaign = Campaign(scenario)
    recorder = TruthRecorder(scenario, profile)
    campaign.observers.append(recorder)
    for _ in campaign.advance(lasts_s):
        pass
    return recorder.truth()
