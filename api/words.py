"""A comment of a person, as a member of a request."""

from typing import Annotated

from pydantic import AfterValidator, Field

from domain.telling import MOST_COMMENT
from domain.words import odd_character


def _readable(text: str) -> str:
    wrong = odd_character(text)
    if wrong:
        raise ValueError(wrong)
    return text


Words = Annotated[str, Field(max_length=MOST_COMMENT), AfterValidator(_readable)]
"""Text that every database and every screen holds."""
