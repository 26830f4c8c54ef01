"""A batch report for people: one HTML page made for print, without script, which the PDF is made from too."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from api.batch_page import numbers_of
from domain.batch_report import STATEMENT, BatchReport, FindingTold, RangeHeld, Said
from domain.review import given_to, open_points, seconds
from domain.review_content import Sealed
from domain.signatures import Shown
from domain.time import SECOND_NS, format_duration, format_time

HERE = Path(__file__).parent / "pages"
MOST_EARLIER = 8
"""Earlier versions of a finding that are printed; the JSON has them all."""


def printed(report: BatchReport, content: Sealed, pictures: Sequence[str], signatures: Sequence[Shown] = ()) -> bytes:
    """The report as HTML; `pictures` are SVG of our own making, so nothing in them is from elsewhere."""
    given = {each.id: given_to(report.unobserved, each.id) for each in report.parameters}
    text = (
        _environment()
        .get_template("printed_batch.html")
        .render(
            report=report,
            content=content,
            points=open_points(report),
            signatures=signatures,
            pictures=[Markup(each) for each in pictures],  # noqa: S704  every text in them is escaped where they are drawn
            numbers={each.id: numbers_of(each.newest.evidence) for each in report.findings},
            dispositions_of=given.__getitem__,
            statement=STATEMENT,
            style=Markup((HERE / "printed_batch.css").read_text(encoding="utf-8")),  # noqa: S704  a file of ours
            moment=_moment,
            lasted=format_duration,
            seconds=seconds,
            figure=_figure,
            limits=limits_words,
            earlier=_earlier,
        )
    )
    return text.encode("utf-8", "replace")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _moment(time_ns: int) -> str:
    """A time to the second, as `2026-03-02 12:00:05 UTC`; the JSON has it to the nanosecond."""
    return format_time(time_ns // SECOND_NS * SECOND_NS).replace("T", " ").replace("Z", " UTC")


def _figure(value: float) -> str:
    return f"{value:.6g}"


def limits_words(held: RangeHeld) -> str:
    """`58 to 62`, `at most 65`, `above 20`: an end that lies outside is said so."""
    low_open, high_open = held.ends[0] == "(", held.ends[1] == ")"
    if held.low is None or held.high is None:
        parts = [] if held.low is None else [f"{'above' if low_open else 'at least'} {_figure(held.low)}"]
        parts += [] if held.high is None else [f"{'below' if high_open else 'at most'} {_figure(held.high)}"]
        return " ".join(parts) or "no limit"
    first = f"above {_figure(held.low)}" if low_open else _figure(held.low)
    return f"{first} to {'below ' if high_open else ''}{_figure(held.high)}"


def _earlier(finding: FindingTold) -> Sequence[Said]:
    return finding.said[1 : 1 + MOST_EARLIER]
