"""Links in messages: nobody but the service can make one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Refused
from domain.links import LONGEST, BadLink, Link, Links
from domain.time import SECOND_NS

LINKS = Links(bytes(range(32)))
LINK = Link("R101.TT~high.3", "ada", 1_772_000_000 * SECOND_NS)


@given(st.text(max_size=50), st.text(max_size=50), st.integers(0, 2**33))
def test_what_was_put_into_a_link_is_read_from_it(transition: str, recipient: str, ends_s: int) -> None:
    link = Link(transition, recipient, ends_s * SECOND_NS)

    assert LINKS.read(LINKS.token(link)) == link


def test_a_link_names_the_alarm_of_its_transition() -> None:
    assert (LINK.alarm, LINK.is_test, Link("", "ada", 0).is_test) == ("R101.TT~high", False, True)


@given(st.data())
def test_a_link_with_any_character_changed_is_none(data: st.DataObject) -> None:
    token = LINKS.token(LINK)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCxyz012-_.é ").filter(lambda one: one != token[place]))
    changed = token[:place] + other + token[place + 1 :]

    try:
        read = LINKS.read(changed)
    except BadLink:
        return
    assert read == LINK  # the last character of base64 has bits that say nothing


@pytest.mark.parametrize("token", ["", ".", "a.b", "é.é", "x" * (LONGEST + 1), LINKS.token(LINK)[:-5], "....", "=.="])
def test_what_is_no_link_is_said_to_be_none(token: str) -> None:
    with pytest.raises(BadLink):
        LINKS.read(token)


def test_a_link_of_another_key_is_none() -> None:
    with pytest.raises(BadLink):
        Links(b"another key of thirty-two bytes.").read(LINKS.token(LINK))


def test_a_key_that_could_be_guessed_is_refused_and_a_key_is_never_shown() -> None:
    with pytest.raises(Refused):
        Links(b"short")
    assert "\\x01" not in repr(LINKS)
