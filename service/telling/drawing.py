"""Draws a trend as a small PNG: grey as the page is, colour for what is outside alone. Pillow does it in milliseconds.

Time runs to the right, in the reader's zone; the limit is dashed, the onset a thin upright line, a gap is a gap.
"""

import io
import math
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from alarms.wording import Reader
from domain.time import SECOND_NS
from service.telling.trends import Trend

WIDTH, HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 16, 40, 40
_PAPER, _INK, _GRID, _LINE, _OUTSIDE = "#e6e6e6", "#333333", "#c9c9c9", "#404040", "#b3261e"
_DASH = 8
_GAP_FACTOR = 20  # silence of so many usual distances between samples is a gap


def draw(trend: Trend, reader: Reader) -> bytes:
    """The picture, as PNG."""
    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    pen = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(15), ImageFont.load_default(12)
    scale = _Scale(trend)
    pen.text((_LEFT, 10), _heading(trend, reader), fill=_INK, font=font)
    pen.text((WIDTH - _RIGHT, 12), reader.time(trend.start_ns), fill=_INK, font=small, anchor="ra")
    _grid(pen, small, scale, reader)
    if trend.limit is not None:
        _dashed(pen, scale.y(trend.limit))
    if trend.start_ns < trend.onset_ns < trend.end_ns:
        x = scale.x(trend.onset_ns)
        pen.line([(x, _TOP), (x, HEIGHT - _BOTTOM)], fill=_OUTSIDE, width=1)
    for points, outside in _strokes(trend, scale):
        pen.line(points, fill=_OUTSIDE if outside else _LINE, width=2)
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


class _Scale:
    """Where a time and a value lie in the picture."""

    def __init__(self, trend: Trend) -> None:
        shown = trend.value[np.isfinite(trend.value)]
        marks = [float(shown.min()), float(shown.max()), *([] if trend.limit is None else [trend.limit])]
        low, high = min(marks), max(marks)
        room = (high - low) * 0.08 or abs(high) * 0.01 or 1.0
        self.low, self.high = low - room, high + room
        self.start_ns, self.end_ns = trend.start_ns, trend.end_ns

    def x(self, time_ns: int) -> float:
        return _LEFT + (time_ns - self.start_ns) / (self.end_ns - self.start_ns) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - (value - self.low) / (self.high - self.low) * (HEIGHT - _TOP - _BOTTOM)


def _heading(trend: Trend, reader: Reader) -> str:
    unit = f" [{trend.unit}]" if trend.unit else ""
    limit = "" if trend.limit is None else f"   {reader.says('picture limit', value=f'{trend.limit:g}')}"
    return f"{trend.name}{unit}{limit}"


_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def _grid(pen: ImageDraw.ImageDraw, font: _Font, scale: _Scale, reader: Reader) -> None:
    for value in round_marks(scale.low, scale.high):
        y = scale.y(value)
        pen.line([(_LEFT, y), (WIDTH - _RIGHT, y)], fill=_GRID)
        pen.text((_LEFT - 8, y), f"{value:g}", fill=_INK, font=font, anchor="rm")
    for part in range(5):
        time_ns = scale.start_ns + (scale.end_ns - scale.start_ns) * part // 4
        local = datetime.fromtimestamp(time_ns // SECOND_NS, reader.zone)
        anchor = "la" if part == 0 else "ra" if part == 4 else "ma"
        pen.text((scale.x(time_ns), HEIGHT - _BOTTOM + 8), f"{local:%H:%M:%S}", fill=_INK, font=font, anchor=anchor)


def round_marks(low: float, high: float) -> list[float]:
    """Four to ten values between two, that are round."""
    decade = 10.0 ** math.floor(math.log10(high - low))
    step = next(decade * each for each in (1.0, 0.5, 0.2, 0.1) if (high - low) / (decade * each) >= 4)
    first = math.ceil(low / step)
    return [round(each * step, 12) for each in range(first, math.floor(high / step) + 1)]


def _dashed(pen: ImageDraw.ImageDraw, y: float) -> None:
    for x in range(_LEFT, WIDTH - _RIGHT, 2 * _DASH):
        pen.line([(x, y), (min(x + _DASH, WIDTH - _RIGHT), y)], fill=_INK, width=1)


def _strokes(trend: Trend, scale: _Scale) -> list[tuple[list[tuple[float, float]], bool]]:
    """The line in pieces: broken where there is nothing to show; from the onset on it is outside."""
    time_ns, value = _thinned(trend.time_ns, trend.value)
    breaks = _breaks(time_ns, value)
    strokes: list[tuple[list[tuple[float, float]], bool]] = []
    for stretch in np.split(np.arange(len(time_ns)), breaks):
        good = stretch[np.isfinite(value[stretch])]
        outside = time_ns[good] >= trend.onset_ns
        turn = int(np.argmax(outside)) if outside.any() else len(good)
        for part, is_outside in ((good[: turn + 1], False), (good[turn:], True)):
            points = [(scale.x(int(time_ns[at])), scale.y(float(value[at]))) for at in part]
            if len(points) == 1:
                points.append((points[0][0] + 1, points[0][1]))
            if points:
                strokes.append((points, is_outside))
    return strokes


def _breaks(time_ns: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.intp]:
    """Before which samples the line is broken."""
    if len(time_ns) < 3:
        return np.empty(0, np.intp)
    apart_ns = np.diff(time_ns)
    silent = apart_ns > _GAP_FACTOR * max(1.0, float(np.median(apart_ns)))
    return np.flatnonzero(silent | ~np.isfinite(value[1:])) + 1


def _thinned(time_ns: NDArray[np.int64], value: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """First, least, greatest and last of each column of the picture: no peak is lost."""
    columns = WIDTH - _LEFT - _RIGHT
    if len(time_ns) <= 4 * columns:
        return time_ns, value
    keep: list[int] = []
    for stretch in np.array_split(np.arange(len(time_ns)), columns):
        shown = stretch[np.isfinite(value[stretch])]
        marks = {int(stretch[0]), int(stretch[-1])}
        if len(shown):
            marks |= {int(shown[np.argmin(value[shown])]), int(shown[np.argmax(value[shown])])}
        keep += sorted(marks)
    return time_ns[keep], value[keep]
