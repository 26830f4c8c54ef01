"""The demo's timeline, laid out so that everything happens within two minutes at `SPEED`.

| wall s | plant        | what                                                                        |
|-------:|--------------|-----------------------------------------------------------------------------|
|    0   | origin       | R101 is clean and waits; R102 reacts a batch that began before               |
|    8   | +0 h 48 min  | R101 starts a batch: charge, heat                                            |
|   13   | +1 h 21 min  | R102 cools                                                                   |
|   20   | +1 h 58 min  | R101 doses                                                                   |
|   23   | +2 h 21 min  | R102 transfers to T201: the hold `crude` begins                              |
|   25   | +2 h 28 min  | the pH controller's probe of R101 begins to foul; the true pH rises          |
|   31   | +3 h 05 min  | the rise can be told from noise: from here on a warning is due               |
|   44   | +4 h 24 min  | R101's pH leaves its validated range                                         |
|   50   | +4 h 58 min  | R101 reacts; the probe is exchanged, the pH comes back                       |
|   53   | +5 h 21 min  | T201: one hour left                                                          |
|   63   | +6 h 21 min  | T201: the hold is over its limit of 4 h; it is pumped out half an hour later  |
|   75   | +7 h 28 min  | R101 transfers and is cleaned; R102 doses its next batch, as it should        |
"""

from dataclasses import replace
from typing import Final

from domain.time import SECOND_NS
from simulators.faults.spec import AtTime, FaultSpec, Shape
from simulators.layout import SMALL
from simulators.recipe import USUAL, seconds_until
from simulators.scenario import CampaignPlan, Scenario

SPEED: Final = 360.0
_MINUTE_S: Final = 60

BATCH_STARTS_S: Final = 48 * _MINUTE_S
"""When R101 starts its batch."""

TRANSFER_STARTS_S: Final = 141 * _MINUTE_S
"""When R102 transfers to T201."""

NORMAL_WAIT_S: Final = 75 * _MINUTE_S
LATE_WAIT_S: Final = 245 * _MINUTE_S
"""How long a batch waits in T201 after its transfer: usually, and this time."""

DOSE_STARTS_S: Final = BATCH_STARTS_S + seconds_until("dose")
DOSE_ENDS_S: Final = BATCH_STARTS_S + seconds_until("react")
FOULING_STARTS_S: Final = DOSE_STARTS_S + 30 * _MINUTE_S
FOULED_PH: Final = -0.5
"""What the fouled probe reads at the end of the dosing, against a clean one."""

_FOULED: Final = FaultSpec(
    id="probe_fouled",
    kind="ph_control_bias",
    target="R101",
    start=AtTime(FOULING_STARTS_S),
    lasts_s=DOSE_ENDS_S + 4 * _MINUTE_S - FOULING_STARTS_S,
    shape=Shape.RAMP,
    ramp_s=DOSE_ENDS_S - FOULING_STARTS_S,
    power=2.0,
    settings={"bias": FOULED_PH},
)
_LATE: Final = FaultSpec(
    id="crude_late",
    kind="late_transfer",
    target="T201",
    start=AtTime(TRANSFER_STARTS_S),
    lasts_s=LATE_WAIT_S,
    settings={"delay": float(LATE_WAIT_S - NORMAL_WAIT_S)},
)
_ORIGIN_NS: Final = 1_790_000_000 * SECOND_NS


def demo_scenario(seed: int = 1, step_s: int = 5) -> Scenario:
    """The demo: the controller's pH probe of R101 fouls, and the crude in T201 is held too long."""
    return Scenario(
        name="demo",
        teaches="A drift is told before its range is left, and a hold before it is over its limit.",
        seed=seed,
        start_ns=_ORIGIN_NS,
        lasts_s=9 * 3600,
        layout=SMALL,
        recipe=USUAL,
        plan=CampaignPlan(
            start_s=(BATCH_STARTS_S, TRANSFER_STARTS_S - seconds_until("transfer")),
            first_batch=(17, 41),
            wait_s=NORMAL_WAIT_S,
        ),
        step_s=step_s,
        speed=SPEED,
        faults=(_FOULED, _LATE),
    )


def normal_scenario(seed: int = 1, step_s: int = 5) -> Scenario:
    """The same plant with nothing going wrong."""
    return replace(demo_scenario(seed, step_s), name="normal", teaches="A normal campaign is quiet.", faults=())
