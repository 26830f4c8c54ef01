"""What leaves its range, and what the process does that it should not."""

from alarms.rationalised.entry import alarm
from domain.recipes import RangeKind
from domain.rules import AlarmRule, Severity


def excursions(side: str) -> tuple[AlarmRule, ...]:
    """The steps of one side of a parameter, from the inside out."""
    beyond = "above" if side == "high" else "below"
    material = "Batch material may be affected; quality assesses it."
    return (
        alarm(
            side,
            f"excursion.{RangeKind.NOR}.{side}",
            Severity.MODERATE,
            30,
            "process",
            cause="Control, cooling or heating, dosing or the instrument changed: something is not as usual.",
            consequence=f"Left alone it may run {beyond} the validated range.",
            action="Bring it back to its set point; watch the other parameters of the phase.",
        ),
        alarm(
            f"alert {side}",
            f"excursion.{RangeKind.ALERT}.{side}",
            Severity.MODERATE,
            20,
            "process",
            cause="What took it from its normal range was not corrected, or is stronger than the control.",
            consequence=f"Left alone it may run {beyond} the action limit.",
            action="Find the cause; be ready for the response that the action limit asks for.",
        ),
        alarm(
            f"limit {side}",
            f"fixed.{side}",
            Severity.MAJOR,
            10,
            "process",
            cause="The equipment or its control has failed, or the instrument has.",
            consequence="Equipment or material may be affected.",
            action="Check the instrument and the unit on the spot.",
        ),
        alarm(
            f"action {side}",
            f"excursion.{RangeKind.ACTION}.{side}",
            Severity.MAJOR,
            10,
            "process",
            cause="What took it from its normal range goes on.",
            consequence=f"Left alone it may run {beyond} the validated range.",
            action="Take the response of the procedure for this limit.",
        ),
        alarm(
            f"validated {side}",
            f"excursion.{RangeKind.VALIDATED}.{side}",
            Severity.MAJOR,
            10,
            "gmp",
            cause="Control has failed or was too weak, material was charged wrongly, or the instrument is wrong.",
            consequence=material,
            action="Bring it back, tell quality, record what was done.",
        ),
        alarm(
            f"PAR {side}",
            f"excursion.{RangeKind.PAR}.{side}",
            Severity.SEVERE,
            5,
            "gmp",
            cause="Control has failed, or the unit behaves as no study has seen it.",
            consequence=f"Nothing is proven for this batch {beyond} this range.",
            action="Bring it back at once, tell quality, hold the batch.",
        ),
    )


SINGLE = (
    alarm(
        "rate",
        "rate",
        Severity.MODERATE,
        20,
        "process",
        cause="A sudden disturbance of the process, or of the instrument.",
        consequence="The process or the instrument changed suddenly.",
        action="Check the instrument, then the unit.",
    ),
    alarm(
        "jacket balance",
        "jacket.balance",
        Severity.MODERATE,
        480,
        "process",
        cause="Fouling, a wrong temperature, or poor mixing.",
        consequence="The jacket may be too weak when it is needed.",
        action="Compare temperatures; look at the jacket's history.",
    ),
    alarm(
        "volume balance",
        "volume.balance",
        Severity.MAJOR,
        20,
        "process",
        cause="A leak, a valve that is not tight, a wrong level or totaliser.",
        consequence="What is in the unit is not what was added.",
        action="Compare level, totaliser and valves.",
    ),
)
