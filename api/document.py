"""What the OpenAPI document says of answers, where a route's own words and types do not."""

from http import HTTPStatus
from typing import Any

Answers = dict[int | str, dict[str, Any]]  # as FastAPI takes them
"""Answers of a route by status."""

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "parameter": {"type": "string", "description": "the query, path or body member that is to blame"},
    },
    "additionalProperties": False,
}

PROBLEMS: Answers = {
    "default": {
        "description": "a problem (RFC 9457): why it was not answered",
        "content": {"application/problem+json": {"schema": _PROBLEM}},
    }
}
"""Every route's answer where it is none of its own."""


def comes_as(*media: str, status: HTTPStatus | str = HTTPStatus.OK, what: str = "as asked") -> Answers:
    """An answer in one of some media types, for a route whose `response_class` is Response."""
    return {
        status if isinstance(status, str) else int(status): {"description": what, "content": {m: {} for m in media}}
    }


WAITS: Answers = comes_as("application/json", status=HTTPStatus.ACCEPTED, what="kept as a request; not applied yet")
"""A person's deed that the core has not applied within the time that an answer waits for it."""
