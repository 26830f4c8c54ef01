"""The file of a batch report in the form that is asked for: the same report gives the same bytes."""

from typing import Literal

from api.dependencies import Reviews
from api.paper import pdf_of
from api.printing import printed
from domain.batch_report import BatchReport
from domain.review_content import document, sealed, signature_told

Form = Literal["html", "pdf", "json"]
FORMS: tuple[Form, ...] = ("html", "pdf", "json")
MEDIA = {"html": "text/html; charset=utf-8", "pdf": "application/pdf", "json": "application/json"}


def report_file(reviews: Reviews, report: BatchReport, form: str) -> bytes:
    """A report as a file. Refused: no PDF can be made of it. Blocks: a PDF for seconds."""
    content = sealed(report)
    signatures = reviews.signatures(report, content)
    if form == "json":
        return document(report, content, [signature_told(each) for each in signatures])
    page = printed(report, content, reviews.pictures(report), signatures)
    return page if form == "html" else pdf_of(page, content.sha256)
