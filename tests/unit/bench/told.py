"""A small plant's truth, and what was told about it, written by hand."""

from dataclasses import replace

from domain.time import MINUTE_NS
from service.bench.findings import Told
from simulators.truth.labels import Label, LabelKind
from simulators.truth.truth import Header, Place, Truth

HEADER = Header(
    scenario="by hand",
    seed=1,
    start_ns=0,
    lasts_s=86_400,
    version="0",
    batches=4,
    places=(
        Place("R101", ("R101.TT", "R101.TT2", "R101.AT"), ("T101",)),
        Place("T101", ("T101.LT",), ("R101", "C101")),
        Place("C101", ("C101.TT",), ("T101",)),
        Place("R102", ("R102.TT",), ()),
    ),
    served={"opcua": ("R101.TT", "R101.TT2", "R101.AT", "R102.TT"), "mqtt": ("T101.LT", "C101.TT")},
    twins={"R101.temperature": ("R101.TT", "R101.TT2")},
)


def minute(number: float) -> int:
    return round(number * MINUTE_NS)


def truth(*labels: Label) -> Truth:
    return Truth(HEADER, labels)


def fault(kind: str, subject: str, onset: float, end: float | None = None, visible: float | None = None) -> Label:
    """A fault with its times in minutes; hidden where it is visible at no time."""
    return Label(
        kind=LabelKind.FAULT,
        id=f"the {kind}",
        what=kind,
        subject=subject,
        unit=subject.partition(".")[0],
        onset_ns=minute(onset),
        end_ns=None if end is None else minute(end),
        visible_ns=None if visible is None else minute(visible),
        hidden=visible is None,
        because="R101.TT was at 66" if visible is not None else "",
    )


def outside(what: str, tag: str, onset: float, end: float | None = None) -> Label:
    return Label(
        kind=LabelKind.OUTSIDE,
        id=f"{what} {tag} 1",
        what=what,
        subject=tag,
        unit=tag.partition(".")[0],
        onset_ns=minute(onset),
        end_ns=None if end is None else minute(end),
        visible_ns=minute(onset),
    )


def hold(onset: float, end: float | None = None, kind: LabelKind = LabelKind.HOLD) -> Label:
    return Label(
        kind=kind,
        id="crude T101 1",
        what="crude",
        subject="T101",
        unit="T101",
        onset_ns=minute(onset),
        end_ns=None if end is None else minute(end),
        visible_ns=minute(onset),
    )


def told(
    rule: str,
    subject: str,
    at: float,
    *,
    since: float | None = None,
    end: float | None = None,
    alarm: bool = True,
    unit: str = "",
) -> Told:
    return Told(
        id=f"{rule}/{subject}/{at}",
        rule=rule,
        subject=subject,
        detected_ns=minute(at),
        unit=unit,
        onset_ns=minute(at if since is None else since),
        end_ns=None if end is None else minute(end),
        message=f"{rule} on {subject}",
        alarm=alarm,
    )


def renamed(label: Label, id_: str) -> Label:
    return replace(label, id=id_)
