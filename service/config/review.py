"""What people may say of a finding in the review of a batch."""

import re

from domain.errors import Complaint
from domain.review import ReviewRules
from service.config.document import Document
from service.config.shape.stores import ReviewText


def review_rules(document: Document, text: ReviewText, complaints: list[Complaint]) -> ReviewRules:
    """The rules; what cannot be is complained about."""
    for index, name in enumerate(text.numbered):
        if name not in text.classes:
            place = ("review", "numbered", str(index))
            complaints.append(document.complain(place, f"{name!r} is none of the classes: {', '.join(text.classes)}"))
    try:
        re.compile(text.number)
    except re.error as error:
        message = f"{text.number!r} is no regular expression: {error}"
        complaints.append(document.complain(("review", "number"), message))
    return ReviewRules(tuple(text.classes), tuple(text.numbered), text.number)
