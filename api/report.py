"""The report of a week as one HTML file that needs nothing else: to keep, to print, to mail."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.shapes import Shape
from domain.time import format_duration, format_time


def report_page(told: Shape) -> str:
    """The page of `api.performance.performance_shape` in ms, with `site`, `week` and `zone`."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "pages"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(told=told, iso=iso_of_ms, lasting=format_duration)


def iso_of_ms(ms: int) -> str:
    """A time in ms since 1970 as ISO 8601."""
    return format_time(ms * 1_000_000)
