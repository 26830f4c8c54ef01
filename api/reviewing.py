"""The state of a batch's review as people see it: what is open, who said what of it, and which signatures stand."""

from api.dependencies import Reviews
from api.shapes import Shape
from domain.batch_report import STATEMENT, BatchReport, Disposition
from domain.review import actors_of, given_to, items_of, open_points
from domain.review_content import sealed, signature_told


def state_of(reviews: Reviews, report: BatchReport) -> Shape:
    """All of it; times in ms since 1970. Blocks."""
    content = sealed(report)
    rules = reviews.rules
    points = open_points(report)
    return {
        "batch": report.batch,
        "product": report.product,
        "statement": STATEMENT,
        "as_of": str(report.as_of),
        "as_of_ms": report.as_of.clock_ns // 1_000_000,
        "sha256": content.sha256,
        "parts": dict(content.hashes),
        "open": [
            {
                "kind": each.kind,
                "words": each.words,
                "item": each.item,
                "version": each.version,
                "needs_disposition": each.needs_disposition,
                "at_ms": None if each.at_ns is None else each.at_ns // 1_000_000,
            }
            for each in points
        ],
        "may_be_signed": not any(each.needs_disposition or each.kind == "phase runs" for each in points),
        "items": _items(report),
        "parameters": [
            {"tag": each.tag, "unit": each.unit, "phase": each.phase, "sentence": each.sentence}
            for each in report.parameters
        ],
        "signatures": [
            {**signature_told(each), "at_ms": each.signature.at_ns // 1_000_000}
            for each in reviews.signatures(report, content)
        ],
        "actors": list(actors_of(report)),
        "rules": {"classes": list(rules.classes), "numbered": list(rules.numbered), "number": rules.number},
    }


def _items(report: BatchReport) -> list[Shape]:
    """Everything that a disposition may be given to, with those it has, newest first."""
    words = {each.id: each.newest.message for each in report.findings}
    words |= {each.id: f"{each.tag} in {each.phase} on {each.unit}: {each.sentence}" for each in report.parameters}
    given = {each.id: each.dispositions for each in report.findings}
    given |= {each.id: given_to(report.unobserved, each.id) for each in report.parameters}
    return [
        {
            "item": item,
            "version": version,
            "words": words[item],
            "dispositions": [_shape(each, version) for each in given[item]],
        }
        for item, version in items_of(report).items()
    ]


def _shape(given: Disposition, version: int) -> Shape:
    return {
        "class": given.kind,
        "comment": given.comment,
        "number": given.number,
        "person": given.person,
        "role": given.role,
        "at_ms": given.at_ns // 1_000_000,
        "version": given.version,
        "is_of_this_version": given.version == version,
    }
