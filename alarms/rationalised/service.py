"""Sources, and the service itself."""

from dataclasses import replace

from alarms.rationalised.entry import alarm
from domain.rules import Priority, Severity
from domain.time import SECOND_NS
from domain.troubles import TROUBLES

SINGLE = (
    replace(
        alarm(
            "disconnected",
            "source.disconnected",
            Severity.MAJOR,
            10,
            "system",
            cause="The server, the broker or the network between is down.",
            consequence="Nothing from this source is watched.",
            action="Check the server and the network; watch the process at the control system.",
        ),
        on_delay_ns=10 * SECOND_NS,
    ),
    alarm(
        "clock skew",
        "source.skew",
        Severity.MODERATE,
        480,
        "system",
        cause="The clock of the source or ours is not set by a time server.",
        consequence="Times of this source are off by as much.",
        action="Have the source's clock set.",
    ),
    alarm(
        "model missing",
        "model.missing",
        Severity.MODERATE,
        60,
        "system",
        cause="The file of an approved model is not in the data folder, or its tags are in other units now.",
        consequence="What the model watched is watched by the other rules alone.",
        action="Put the file back, or have a model approved that was trained on the tags as they are.",
    ),
    alarm(
        "mirror away",
        "mirror.away",
        Severity.MODERATE,
        480,
        "system",
        cause="The mirror's server is down, full or does not know the token.",
        consequence="What others read from the mirror is old. The record is whole and fills it when it is back.",
        action="Look at the mirror's server.",
    ),
    *(trouble.alarm for trouble in TROUBLES),
    replace(
        alarm(
            "record damaged",
            "record.damaged",
            Severity.SEVERE,
            480,
            "system",
            cause="The disk, or somebody, changed bytes of a file after they were written.",
            consequence="What lies there cannot be read; what is around it is whole.",
            action="Keep the file, run `thermowell verify`, look at the disk, and take the file from a backup.",
        ),
        priority=Priority.HIGH,
        priority_reason="What else the disk has changed nobody knows until it is looked at.",
    ),
)
