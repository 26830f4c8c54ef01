"""Which batch was made of which."""

import pytest

from domain import genealogy
from domain.errors import Refused
from domain.genealogy import Genealogy, inherited_ns


def family() -> Genealogy:
    """A and B merged into C; C split into D and E; E was reworked as F."""
    made = Genealogy()
    for parent, child in (("A", "C"), ("B", "C"), ("C", "D"), ("C", "E"), ("E", "F")):
        assert made.add(parent, child)
    return made


def test_it_is_walked_both_ways_the_nearest_first():
    made = family()

    assert made.ancestors("F") == ("E", "C", "A", "B")
    assert made.descendants("A") == ("C", "D", "E", "F")
    assert (made.parents("C"), made.children("C")) == (("A", "B"), ("D", "E"))


def test_a_batch_of_which_nothing_is_known_has_no_relatives():
    assert family().ancestors("Z") == ()


def test_the_same_link_twice_is_one():
    assert family().add("A", "C") is False


@pytest.mark.parametrize(
    ("parent", "child", "words"),
    [("F", "A", "batch A would be made of F, which was made of A"), ("A", "A", "batch A would be made of itself")],
)
def test_a_circle_is_refused_and_changes_nothing(parent: str, child: str, words: str):
    made = family()

    with pytest.raises(Refused, match=words):
        made.add(parent, child)

    assert made.state() == family().state()


def test_two_ways_to_one_ancestor_count_it_once():
    made = family()
    made.add("D", "G")
    made.add("E", "G")

    assert made.ancestors("G") == ("D", "E", "C", "A", "B")


def test_its_state_makes_the_same_again():
    assert Genealogy.of(family().state()) == family()


def test_the_oldest_links_go_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(genealogy, "MOST_LINKS", 3)

    assert family().state() == [["C", "D"], ["C", "E"], ["E", "F"]]
    assert family().ancestors("F") == ("E", "C")


def test_split_and_merge_inherit_the_largest_elapsed_time_of_the_parents():
    assert inherited_ns({"A": 5, "B": 9}, family().parents("C")) == 9
    assert inherited_ns({"A": 5}, family().parents("C")) == 5
    assert inherited_ns({"Z": 5}, family().parents("C")) is None
