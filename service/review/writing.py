"""Writes a report in the form that is asked for."""

from collections.abc import Sequence

from api.paper import pdf_of
from api.printing import printed
from domain.review import BatchReport
from domain.review_content import document, sealed

FORMATS = ("html", "pdf", "json")


def written(report: BatchReport, form: str, pictures: Sequence[str]) -> bytes:
    """The bytes of a report's file: the same report gives the same."""
    content = sealed(report)
    if form == "json":
        return document(report, content)
    page = printed(report, content, pictures)
    return page if form == "html" else pdf_of(page, content.sha256)
