"""A picture of one batch of a run: true values with their ranges, phases, what was broken, and what was told of it.

Colours follow ISA-101: the normal is grey, colour is for what is not. matplotlib is an extra: `thermowell[bench]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from domain.errors import Refused
from domain.time import SECOND_NS, format_time
from service.bench.findings import Told, read_findings
from service.bench.outputs import FINDINGS_JSON
from service.bench.plot_view import (
    View,
    chosen_tags,
    findings_of,
    innermost,
    labels_of,
    ranges_of,
    series,
    view_of,
)
from simulators.truth.files import read_truth
from simulators.truth.labels import Label, LabelKind
from simulators.truth.truth import PhaseSpan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES: Final = (".png", ".svg")

_PAPER, _INK, _FAINT = "#f4f4f2", "#3a3f44", "#8d9399"
_PHASES: Final = ("#e6e7e6", "#f4f4f2")
_RANGES: Final = {"nor": "#bccbd2", "validated": "#cfd9de", "par": "#dde3e6"}  # from the inside out
_RANGE_NAMES: Final = {"nor": "NOR", "validated": "validated", "par": "PAR"}
_FAULT, _VISIBLE, _TOLD = "#d9a441", "#c4692a", "#a33b2e"
_ROW_IN: Final = 0.24  # height of one row of a strip, inches
_PANEL_IN: Final = 1.15


def draw(
    folder: Path, file: Path, *, unit: str | None = None, batch: str | None = None, tags: Sequence[str] = ()
) -> None:
    """Draw a run's folder into a PNG or SVG file.

    Unless told otherwise it is the batch of the first fault that could be seen, or the first batch. Refused: matplotlib
    is not installed, the file's ending is another, or there is no such unit, batch or tag.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise Refused(f"{file}: a picture ends in {' or '.join(SUFFIXES)}")
    try:
        from matplotlib import rc_context  # noqa: PLC0415 - optional: only who draws needs it
    except ImportError as error:
        raise Refused("pictures need matplotlib: pip install 'thermowell[bench]'") from error
    truth = read_truth(folder)
    told = folder / FINDINGS_JSON
    view = view_of(truth, read_findings(told) if told.exists() else (), unit, batch)
    metadata = {"Date": None} if file.suffix.lower() == ".svg" else {"Software": None}
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "thermowell"}):  # the same bytes every time
        _figure(view, chosen_tags(view, tags)).savefig(file, dpi=130, metadata=metadata)


def _figure(view: View, tags: Sequence[str]) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional, as above

    labels, findings = labels_of(view), findings_of(view)
    truths = list(dict.fromkeys(_truth_row(label) for label in labels))
    rules = list(dict.fromkeys(_told_row(told) for told in findings))
    heights = [1.4 * _ROW_IN, *([_PANEL_IN] * len(tags)), (len(truths) + 1) * _ROW_IN, (len(rules) + 1) * _ROW_IN]
    figure = Figure(figsize=(11.0, sum(heights) + 1.4), facecolor=_PAPER, layout="constrained")
    axes: list[Axes] = list(figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])
    header = view.truth.header
    figure.suptitle(
        f"{header.scenario} · {view.unit}, batch {view.batch} · seed {header.seed}",
        color=_INK,
        fontsize=12,
        x=0.01,
        ha="left",
    )
    for each in axes:
        _calm(each)
        _phase_regions(each, view)
    _phase_names(axes[0], view)
    for tag, each in zip(tags, axes[1:], strict=False):
        _panel(each, view, tag, labels, findings)
    _strip(axes[-2], "really so", truths)
    for label in labels:
        _truth_bar(axes[-2], view, label, truths.index(_truth_row(label)))
    _strip(axes[-1], "told", rules)
    for told in findings:
        _told_mark(axes[-1], view, told, rules.index(_told_row(told)))
    axes[-1].set_xlim(view.hours(view.start_ns - view.margin_ns), view.hours(view.last_ns))
    axes[-1].set_xlabel(f"hours since {format_time(view.start_ns)}", color=_INK, fontsize=9)
    figure.align_ylabels(axes)
    _legend(figure)
    return figure


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - optional, as above
    from matplotlib.patches import Patch  # noqa: PLC0415

    ranges = [Patch(color=color, label=_RANGE_NAMES[kind]) for kind, color in _RANGES.items()]
    spans = [
        Patch(color=_FAULT, alpha=0.45, label="broken"),
        Patch(color=_VISIBLE, alpha=0.75, label="could be seen"),
    ]
    marks = [
        Line2D([], [], marker="v", ms=7, ls="", mec=_TOLD, mfc=face, label=name)
        for face, name in ((_TOLD, "told to people"), (_PAPER, "recorded"))
    ]
    figure.legend(
        handles=[*ranges, *spans, *marks],
        loc="outside lower center",
        ncols=len(ranges) + len(spans) + len(marks),
        frameon=False,
        fontsize=8,
        labelcolor=_INK,
    )


def _calm(axes: Axes) -> None:
    axes.set_facecolor(_PAPER)
    axes.tick_params(colors=_FAINT, labelsize=8, length=2)
    for spine in axes.spines.values():
        spine.set_color("#c9cccb")


def _phase_regions(axes: Axes, view: View) -> None:
    for number, each in enumerate(view.phases):
        axes.axvspan(view.hours(each.start_ns), view.until(each.end_ns), color=_PHASES[number % 2], lw=0, zorder=0)


def _phase_names(axes: Axes, view: View) -> None:
    axes.set_yticks([])
    for each in view.phases:
        start, end = max(view.hours(each.start_ns), view.hours(view.start_ns - view.margin_ns)), view.until(each.end_ns)
        axes.text((start + end) / 2, 0.5, each.phase, ha="center", va="center", color=_INK, fontsize=8, clip_on=True)


def _panel(axes: Axes, view: View, tag: str, labels: Sequence[Label], findings: Sequence[Told]) -> None:
    """One tag: its ranges as bands, its true value, the spans in which something was wrong, and what was told of it."""
    for each in view.phases:
        _range_bands(axes, view, tag, each)
    for label in labels:
        if label.kind is LabelKind.FAULT:
            axes.axvspan(view.hours(label.onset_ns), view.until(label.end_ns), color=_FAULT, alpha=0.16, lw=0, zorder=1)
            if tag in label.seen_on and label.visible_ns is not None:
                axes.axvline(view.hours(label.visible_ns), color=_VISIBLE, lw=1.2, ls=(0, (4, 2)), zorder=3)
    times, values = series(view, tag)
    axes.plot(times, values, color=_INK, lw=1.1, zorder=4)
    for told in findings:
        if told.subject == tag and len(times):
            at = view.hours(told.detected_ns)
            _mark(axes, at, float(np.interp(at, times, values)), told)
    if len(values):
        shown = np.concatenate((values, innermost(view, tag, tuple(_RANGES))))
        room = max(0.08 * float(np.ptp(shown)), 1e-3)
        axes.set_ylim(float(shown.min()) - room, float(shown.max()) + room)
    axes.set_ylabel(tag, color=_INK, fontsize=9)


def _range_bands(axes: Axes, view: View, tag: str, phase: PhaseSpan) -> None:
    """The ranges of a phase; a side that is open reaches far beyond the picture."""
    rows = ranges_of(view, tag, phase.phase)
    for kind in reversed(_RANGES):
        for row in (each for each in rows if each.kind == kind):
            start, end = view.hours(phase.start_ns + row.after_s * SECOND_NS), view.until(phase.end_ns)
            low, high = -1e6 if row.low is None else row.low, 1e6 if row.high is None else row.high
            if end > start:
                axes.fill_between([start, end], low, high, color=_RANGES[kind], lw=0, zorder=0.5)


def _strip(axes: Axes, name: str, rows: Sequence[str]) -> None:
    axes.set_ylim(len(rows) - 0.4, -0.6) if rows else axes.set_ylim(0.5, -0.5)
    axes.set_yticks(range(len(rows)), rows, fontsize=7)
    axes.set_ylabel(name if rows else f"{name}: nothing", color=_INK, fontsize=9)


def _truth_row(label: Label) -> str:
    subject = label.subject.rpartition(".")[2] if label.kind is LabelKind.OUTSIDE else label.subject
    return f"{label.what} · {subject}"


def _told_row(told: Told) -> str:
    return f"{told.rule} · {told.subject.rpartition('.')[2]}"


def _truth_bar(axes: Axes, view: View, label: Label, row: int) -> None:
    """A bar from onset to end; darker from when it could be seen."""
    start, end = view.hours(label.onset_ns), view.until(label.end_ns)
    axes.barh(row, end - start, left=start, height=0.55, color=_FAULT, alpha=0.45, zorder=3)
    if label.visible_ns is not None:
        seen = min(max(view.hours(label.visible_ns), start), end)
        axes.barh(row, end - seen, left=seen, height=0.55, color=_VISIBLE, alpha=0.75, zorder=4)


def _told_mark(axes: Axes, view: View, told: Told, row: int) -> None:
    """A mark when it was told, with a line as long as it stood."""
    at = view.hours(told.detected_ns)
    axes.plot([at, max(view.until(told.end_ns), at)], [row, row], color=_FAINT, lw=1.0, zorder=3)
    _mark(axes, at, row, told)


def _mark(axes: Axes, at: float, height: float, told: Told) -> None:
    """Full: people were told. Hollow: it was recorded."""
    face = _TOLD if told.alarm else _PAPER
    axes.plot([at], [height], marker="v", ms=7, ls="", mfc=face, mec=_TOLD, zorder=5)
