"""What can be wrong with a query.

QueryFault
├── Unreadable   the text is no InfluxQL, or none that is answered here: the whole request is refused (400)
└── Unanswered   one statement cannot be answered: its result carries the error, the others are answered
"""


class QueryFault(Exception):
    """Ends a query, or one statement of it; the text is for whoever wrote it."""


class Unreadable(QueryFault):
    """The query cannot be parsed; nothing of it is answered."""


class Unanswered(QueryFault):
    """A statement that was understood and cannot be answered."""


def refused(what: str, why: str = "the record is read-only here") -> Unreadable:
    """Refuse a part of InfluxQL by its name."""
    return Unreadable(f"error parsing query: {what} is not answered by this service: {why}")
