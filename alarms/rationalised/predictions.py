"""What may come: drifts, expectations that are not met, models, advice."""

from alarms.rationalised.entry import alarm, event
from domain.rules import Severity

DRIFT = (
    alarm(
        "drift",
        "drift.ewma",
        Severity.MODERATE,
        240,
        "prediction",
        cause="Fouling, wear, another raw material, or an instrument that drifts.",
        consequence="Still within its range; it may leave it.",
        action="Compare with the last batches; look for the cause.",
    ),
    alarm(
        "drift",
        "drift.cusum",
        Severity.MODERATE,
        30,
        "prediction",
        cause="Fouling, wear, another raw material, or an instrument that drifts.",
        consequence="Still within its range; it may leave it.",
        action="Look for the cause before the range is left.",
    ),
)

EXPECTATION = (
    alarm(
        "not as expected",
        "phase.expectation",
        Severity.MODERATE,
        15,
        "prediction",
        cause="A valve, pump or supply does not do what the phase asks for.",
        consequence="The phase does not do what its recipe says.",
        action="Check the equipment that should do it.",
    ),
)

MODEL = (
    alarm(
        "model",
        "batch.feature",
        Severity.MODERATE,
        480,
        "prediction",
        cause="Another raw material, equipment that changed, or another way of working.",
        consequence="The batch is not out of its ranges for that; it went unlike those before it.",
        action="Compare with the batches that it names; look for the cause before the next one.",
    ),
    alarm(
        "model",
        "model.t2",
        Severity.MODERATE,
        240,
        "prediction",
        cause="The unit is run otherwise than when the model was trained.",
        consequence="Still within its ranges; nobody has seen the unit there.",
        action="Look at the tags that it names; compare with the last batches.",
    ),
    alarm(
        "model",
        "batch.tube",
        Severity.MODERATE,
        30,
        "prediction",
        cause="Something in the course of the batch is not as in those before.",
        consequence="Still within its ranges; it may leave them.",
        action="Look at the tags that it names; compare with the last batches.",
    ),
    alarm(
        "model",
        "model.spe",
        Severity.MODERATE,
        30,
        "prediction",
        cause="A sensor is wrong, or the process is disturbed in a new way.",
        consequence="A sensor or the process may be at fault, within the ranges.",
        action="Check the instruments that it names, then the unit.",
    ),
)


SINGLE = (
    event(
        "advisory",
        "advice.drift",
        "prediction",
        consequence="None: an online model's opinion, beside the chart that judges.",
        action="Compare with the chart.",
    ),
    *(
        event(
            "advisory",
            rule,
            "prediction",
            consequence="None: it learns by itself, and nobody approved what it learnt.",
            action=f"Look at {what}; the rules that judge say what is out of its range.",
        )
        for rule, what in (
            ("advice.shift", "the tags that it names"),
            ("advice.change", "the tags that it names"),
            ("advice.novelty", "the tag"),
        )
    ),
)
