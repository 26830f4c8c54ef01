"""The tags of the simulated plant: where each value comes from and how it is published."""

from dataclasses import dataclass
from typing import Final

from simulators.instruments.kinds import KINDS
from simulators.instruments.panel import Instrument


@dataclass(frozen=True, slots=True)
class MeasuredTag:
    """A number from an instrument. `quantity` names the truth (see `truth.QUANTITIES`) of train `train`."""

    instrument: Instrument
    quantity: str
    train: int
    description: str
    topic: str | None = None  # MQTT; None: OPC UA

    @property
    def name(self) -> str:
        """The tag's name, `UNIT.ROLE`."""
        return self.instrument.tag

    @property
    def unit(self) -> str:
        """Its plant unit."""
        return KINDS[self.instrument.kind].unit


@dataclass(frozen=True, slots=True)
class StateTag:
    """A value from the control system, sent when it changes: step, batch, transfer flags."""

    name: str
    kind: type  # int, str or bool
    description: str


REACTORS: Final = ("R101", "R102")
"""The reactors, in the order of the trains."""

_PER_REACTOR: Final = (
    # role, kind, quantity, period in s, description
    ("TT", "temperature", "temperature", 10, "temperature of the contents"),
    ("PT", "pressure", "pressure", 10, "pressure, gauge"),
    ("AT", "ph", "ph", 10, "pH, the recorder's own probe"),
    ("JT", "temperature", "jacket", 20, "temperature of the jacket"),
    ("LT", "level", "volume", 20, "volume of liquid"),
    ("FT", "flow", "feed", 20, "flow of the dosing pump"),
)


def _reactor_tags(unit: str, train: int) -> list[MeasuredTag]:
    scan_s = 5 * train  # one controller per reactor, each with its own scan
    tags = [
        MeasuredTag(Instrument(f"{unit}.{role}", kind, period_s, scan_s), quantity, train, text)
        for role, kind, quantity, period_s, text in _PER_REACTOR
    ]
    power = Instrument(f"{unit}.JI", "power", 20, scan_s)
    topic = f"plant/{unit.lower()}/agitator_power"
    return [*tags, MeasuredTag(power, "power", train, "agitator power", topic)]


TANK_TRAIN: Final = REACTORS.index("R102")
"""T201 stands behind R102."""

MEASURED: Final[tuple[MeasuredTag, ...]] = (
    *(tag for train, unit in enumerate(REACTORS) for tag in _reactor_tags(unit, train)),
    MeasuredTag(Instrument("T201.LT", "level", 20, 15), "hold_volume", TANK_TRAIN, "volume held", "plant/t201/level"),
    MeasuredTag(
        Instrument("T201.TT", "temperature", 20, 15),
        "hold_temperature",
        TANK_TRAIN,
        "temperature of the tank",
        "plant/t201/temperature",
    ),
    MeasuredTag(
        Instrument("U1.TT", "temperature", 20, 15),
        "supply",
        0,
        "temperature of the heat-transfer fluid of R101",
        "plant/utility/heating_supply",
    ),
)
"""Every instrument of the plant."""

STATES: Final[tuple[StateTag, ...]] = (
    *(
        tag
        for unit in REACTORS
        for tag in (
            StateTag(f"{unit}.STEP", int, "code of the phase that runs"),
            StateTag(f"{unit}.BATCH", str, "batch number, empty between batches"),
        )
    ),
    StateTag("T201.XFER_IN", bool, "material comes in"),
    StateTag("T201.XFER_OUT", bool, "material goes out"),
)
"""Every value that the control system tells about itself."""
