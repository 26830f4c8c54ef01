"""Every kind of fault that the bench knows."""

from collections.abc import Mapping
from typing import Final

from simulators.faults.kind import DIFFERENCE, POINT, RATE, Domain, FaultKind, Setting, Target

_LEFT: Final = Setting("share of it that is left", default=0.0, low=0.0, high=0.99)
_PROBABILITY: Final = Setting("of each reading", default=1.0, low=0.0, high=1.0)
_OF_EACH_MESSAGE: Final = Setting("of each message", default=0.1, low=0.0, high=1.0)

BAD_STATUSES: Final[Mapping[str, int]] = {
    "Bad": 0x8000_0000,
    "BadCommunicationError": 0x8005_0000,
    "BadNoCommunication": 0x8031_0000,
    "BadNotConnected": 0x808A_0000,
    "BadDeviceFailure": 0x808B_0000,
    "BadSensorFailure": 0x808C_0000,
    "BadOutOfService": 0x808D_0000,
}
"""The status codes (OPC UA part 4 and 8) that a dropout may have."""

UNCERTAIN_STATUSES: Final[Mapping[str, int]] = {
    "Uncertain": 0x4000_0000,
    "UncertainLastUsableValue": 0x4090_0000,
    "UncertainSubstituteValue": 0x4091_0000,
    "UncertainInitialValue": 0x4092_0000,
    "UncertainSensorNotAccurate": 0x4093_0000,
    "UncertainEngineeringUnitsExceeded": 0x4094_0000,
    "UncertainSubNormal": 0x4095_0000,
}
"""The status codes that a reading may have which may or may not be right."""

_PROCESS: Final = (
    FaultKind(
        "cooling_lost",
        Domain.PROCESS,
        (Target.REACTOR, Target.TANK, Target.CRYSTALLISER),
        "The unit can no longer be cooled; heating works.",
        {"left": _LEFT},
        gradual=True,
    ),
    FaultKind(
        "heating_lost",
        Domain.PROCESS,
        (Target.REACTOR, Target.STILL),
        "The unit can no longer be heated; cooling works.",
        {"left": _LEFT},
        gradual=True,
    ),
    FaultKind(
        "fouling",
        Domain.PROCESS,
        (Target.REACTOR, Target.CRYSTALLISER, Target.STILL),
        "A deposit on the wall slows the exchange of heat with the jacket.",
        {"left": Setting("share of the heat transfer that is left", default=0.4, low=0.02, high=1.0)},
        gradual=True,
    ),
    FaultKind(
        "agitator_stop",
        Domain.PROCESS,
        (Target.REACTOR,),
        "The agitator runs down: heat and material are badly mixed.",
        {"left": Setting("share of the speed that is left", default=0.0, low=0.0, high=0.99)},
        gradual=True,
    ),
    FaultKind(
        "leak",
        Domain.PROCESS,
        (Target.REACTOR,),
        "Gas escapes from the head space; the pressure controller makes up for it as long as nitrogen lasts.",
        {"size": Setting("conductance to the room", "mol/s/Pa", default=3.0e-7, low=1.0e-10, high=1.0e-4)},
        gradual=True,
    ),
    FaultKind(
        "nitrogen_lost",
        Domain.PROCESS,
        (Target.REACTOR,),
        "The header gives no nitrogen: the pressure follows temperature, level and leaks.",
        {"left": _LEFT},
        gradual=True,
    ),
    FaultKind(
        "base_pump_lost",
        Domain.PROCESS,
        (Target.REACTOR,),
        "The base pump gives less than it is told: acid that the reaction makes is not neutralised.",
        {"left": _LEFT},
        gradual=True,
    ),
    FaultKind(
        "feed_pump_lost",
        Domain.PROCESS,
        (Target.REACTOR,),
        "The dosing pump gives less than it is told: the reaction runs out of reagent.",
        {"left": _LEFT},
        gradual=True,
    ),
    FaultKind(
        "mistuned_loop",
        Domain.PROCESS,
        (Target.REACTOR,),
        "Somebody has changed the tuning of a controller: it hunts, or it is slow.",
        {
            "loop": Setting(
                "which controller", default="temperature", choices=("temperature", "jacket", "ph", "pressure")
            ),
            "gain_factor": Setting("on the controller's gain", default=4.0, low=0.02, high=100.0),
            "integral_factor": Setting("on its integral time", default=0.15, low=0.01, high=100.0),
        },
        gradual=True,
    ),
    FaultKind(
        "ph_control_bias",
        Domain.PROCESS,
        (Target.REACTOR,),
        "The controller's own pH probe reads wrong, so the true pH is held where it should not be; "
        "the recorder's probe is another one.",
        {"bias": Setting("what the probe reads too much", "pH", default=-0.5, low=-4.0, high=4.0)},
        gradual=True,
    ),
)

_OPERATOR: Final = (
    FaultKind(
        "wrong_charge",
        Domain.OPERATOR,
        (Target.REACTOR,),
        "The wrong amount of starting material is charged.",
        {"amount": Setting("share of the right amount", default=0.85, low=0.0, high=2.0)},
    ),
    FaultKind(
        "wrong_order",
        Domain.OPERATOR,
        (Target.REACTOR,),
        "Part of the reagent goes in with the starting material, cold, and reacts at once when the batch is heated.",
        {"amount": Setting("share of the reagent that goes in too early", default=0.2, low=0.01, high=1.0)},
    ),
    FaultKind(
        "late_transfer",
        Domain.OPERATOR,
        (Target.REACTOR, Target.TANK),
        "The batch leaves the unit late.",
        {"delay": Setting("beyond the usual", "s", default=7200.0, low=60.0, high=7 * 86_400.0)},
    ),
    FaultKind(
        "hold_forgotten",
        Domain.OPERATOR,
        (Target.TANK,),
        "Nobody empties the hold tank as long as this lasts.",
    ),
    FaultKind(
        "seed_forgotten",
        Domain.OPERATOR,
        (Target.CRYSTALLISER,),
        "No seed crystals are given: the product stays dissolved, or comes out at once and fine.",
    ),
)

_INSTRUMENT: Final = (
    FaultKind(
        "stuck",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "The instrument goes on reporting one value, Good.",
        {"value": Setting("what it reports; unless said, what it reported last", POINT)},
    ),
    FaultKind(
        "bias",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "The instrument reads too high, or (negative) too low.",
        {"size": Setting("what it reads too much", DIFFERENCE, required=True)},
        gradual=True,
    ),
    FaultKind(
        "drift",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "The instrument's error grows steadily until it is set right at the end of the fault.",
        {"rate": Setting("what the error grows by", RATE, required=True)},
        gradual=True,
    ),
    FaultKind(
        "noise",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "The instrument's noise is larger.",
        {"factor": Setting("on its standard deviation", default=5.0, low=0.0, high=1000.0)},
        gradual=True,
    ),
    FaultKind(
        "noise_lost",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "The instrument's noise is gone, as behind a filter or a substituted value.",
        gradual=True,
    ),
    FaultKind(
        "spike",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "Some readings are far off.",
        {
            "size": Setting("what a spike adds", DIFFERENCE, required=True),
            "probability": Setting("of each reading", default=0.02, low=0.0, high=1.0),
        },
        gradual=True,
    ),
    FaultKind(
        "dropout",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "Readings are Bad.",
        {
            "probability": _PROBABILITY,
            "status": Setting("what they say", default="BadSensorFailure", choices=tuple(BAD_STATUSES)),
        },
        gradual=True,
    ),
    FaultKind(
        "uncertain",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "Readings are Uncertain.",
        {
            "probability": _PROBABILITY,
            "status": Setting("what they say", default="UncertainSensorNotAccurate", choices=tuple(UNCERTAIN_STATUSES)),
        },
        gradual=True,
    ),
    FaultKind(
        "span",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "The instrument is wrongly calibrated: its error grows with the distance from its zero.",
        {
            "factor": Setting("reported span by true span", default=1.05, low=0.1, high=10.0),
            "zero": Setting("where it is right; unless said, the low end of its range", POINT),
        },
        gradual=True,
    ),
    FaultKind(
        "ph_slope",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "A pH probe has lost slope, or is compensated for the wrong temperature: its error grows with distance from 7.",
        {
            "slope": Setting("share of the theoretical slope", default=0.9, low=0.2, high=1.2),
            "compensated_at": Setting(
                "temperature that the transmitter takes for the liquid's; unless said, it measures the right one",
                "degC",
                low=-10.0,
                high=150.0,
            ),
        },
        gradual=True,
    ),
    FaultKind(
        "lag",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "The instrument follows late, as in a thermowell without contact or a blocked impulse line.",
        {"lag": Setting("time constant", "s", default=180.0, low=0.0, high=86_400.0)},
        gradual=True,
    ),
    FaultKind(
        "clip",
        Domain.INSTRUMENT,
        (Target.TAG,),
        "The instrument reports nothing beyond an end of its range, which is set too narrow.",
        {
            "low": Setting("low end; unless said, the usual", POINT),
            "high": Setting("high end; unless said, the usual", POINT),
            "status": Setting(
                "whether readings at the end say that they are", default="uncertain", choices=("uncertain", "good")
            ),
        },
    ),
)

_BOTH: Final = (Target.OPCUA, Target.MQTT)

_NETWORK: Final = (
    FaultKind("cut", Domain.NETWORK, _BOTH, "Connections are closed and new ones refused."),
    FaultKind("blackhole", Domain.NETWORK, _BOTH, "Nothing gets through and nobody is told: packets vanish."),
    FaultKind(
        "slow",
        Domain.NETWORK,
        _BOTH,
        "Everything takes longer; times are of the wall's clock.",
        {
            "delay": Setting("one way", "s", default=0.5, low=0.0, high=60.0),
            "jitter": Setting("spread of the delay, by chance", "s", default=0.0, low=0.0, high=60.0),
            "rate": Setting(
                "what gets through; unless said, as much as there is", "byte/s", default=None, low=100.0, high=1.0e9
            ),
        },
    ),
    FaultKind(
        "half_open",
        Domain.NETWORK,
        _BOTH,
        "One end believes that the connection stands, the other has forgotten it.",
    ),
)

_OPCUA: Final = (
    FaultKind(
        "server_restart",
        Domain.OPCUA,
        (Target.OPCUA,),
        "The server goes down when this starts and comes back, without its sessions and subscriptions, when it ends.",
        {"namespace_order": Setting("of its namespaces afterwards", default="same", choices=("same", "swapped"))},
    ),
    FaultKind(
        "certificate_expired", Domain.OPCUA, (Target.OPCUA,), "The server shows a certificate whose time is over."
    ),
    FaultKind("certificate_refused", Domain.OPCUA, (Target.OPCUA,), "The server no longer trusts its clients."),
    FaultKind(
        "nodes_invalid",
        Domain.OPCUA,
        (Target.OPCUA, Target.TAG),
        "Nodes are gone from the address space: one tag's, or a share of all.",
        {"share": Setting("of the nodes, where the target is the server", default=0.2, low=0.0, high=1.0)},
    ),
    FaultKind(
        "queue_overflow",
        Domain.OPCUA,
        (Target.OPCUA, Target.TAG),
        "Values come faster than the monitored item's queue holds: the server drops some, and sets the overflow bit.",
        {"dropped": Setting("share of the values that is dropped", default=0.5, low=0.01, high=1.0)},
    ),
    FaultKind(
        "clock_jump",
        Domain.OPCUA,
        (Target.OPCUA,),
        "The server's clock, and the time that it gives to values, is off by a step as long as this lasts.",
        {"step": Setting("ahead, or (negative) behind", "s", default=-3600.0, low=-31.0e6, high=31.0e6)},
    ),
    FaultKind(
        "clock_drift",
        Domain.OPCUA,
        (Target.OPCUA,),
        "The server's clock runs fast or slow as long as this lasts, and is set right at its end.",
        {"rate": Setting("what it gains, or (negative) loses", "s/h", default=30.0, low=-1800.0, high=1800.0)},
    ),
    FaultKind(
        "source_time_absent", Domain.OPCUA, (Target.OPCUA, Target.TAG), "Values come without the time of their source."
    ),
)

_MQTT: Final = (
    FaultKind(
        "duplicated",
        Domain.MQTT,
        (Target.MQTT, Target.TAG),
        "Messages come twice.",
        {"probability": _OF_EACH_MESSAGE},
    ),
    FaultKind(
        "reordered",
        Domain.MQTT,
        (Target.MQTT, Target.TAG),
        "Messages overtake each other.",
        {
            "probability": _OF_EACH_MESSAGE,
            "depth": Setting("messages that one is overtaken by, at most", default=3.0, low=1.0, high=1000.0),
        },
    ),
    FaultKind(
        "malformed",
        Domain.MQTT,
        (Target.MQTT, Target.TAG),
        "Payloads are not what they should be.",
        {
            "probability": _OF_EACH_MESSAGE,
            "form": Setting(
                "what is wrong with them",
                default="truncated",
                choices=("truncated", "empty", "not_json", "wrong_type", "nan", "binary"),
            ),
        },
    ),
    FaultKind(
        "retained_stale",
        Domain.MQTT,
        (Target.MQTT, Target.TAG),
        "The broker keeps an old value as retained, and gives it to whoever subscribes.",
        {"age": Setting("of the value", "s", default=86_400.0, low=1.0, high=31.0e6)},
    ),
    FaultKind(
        "broker_restart",
        Domain.MQTT,
        (Target.MQTT,),
        "The broker goes down when this starts and comes back when it ends, with or without its sessions and queues.",
        {"persistence": Setting("of sessions and queues", default="kept", choices=("kept", "lost"))},
    ),
    FaultKind(
        "broker_queue_overflow",
        Domain.MQTT,
        (Target.MQTT,),
        "The broker's queue for a client that is away is full, and it drops messages without a word.",
        {"limit": Setting("messages that it keeps", default=100.0, low=0.0, high=1.0e6)},
    ),
)

CATALOGUE: Final[Mapping[str, FaultKind]] = {
    each.kind: each for each in (*_PROCESS, *_OPERATOR, *_INSTRUMENT, *_NETWORK, *_OPCUA, *_MQTT)
}
"""Every kind of fault by its name."""

PAUSED_KINDS: Final = frozenset({"server_restart", "broker_restart"})
"""Kinds whose end is the comeback: they need one."""
