import pytest

from domain.errors import Refused
from domain.signatures import Meaning, Signature, canonical, changes, demand_other_person, hash_of, shown

CONTENT = {"batch": "B-1", "excursions": [{"id": "f1", "peak": 62.4}], "holds": []}


def signature(content: dict[str, object]) -> Signature:
    text = canonical(content)
    said = ("batch", "B-1", Meaning.REVIEWED, "grace", "Grace Hopper", "QA", 100, "read page by page")
    return Signature("s1", *said, hash_of(text), text)


def test_the_hash_does_not_depend_on_the_order_of_members() -> None:
    assert hash_of(canonical(CONTENT)) == hash_of(canonical(dict(reversed(CONTENT.items()))))


def test_a_signature_stands_while_the_content_is_what_was_signed() -> None:
    (told,) = shown([signature(CONTENT)], CONTENT)

    assert told.stands
    assert told.manifest == "reviewed by Grace Hopper (QA): read page by page"


def test_a_content_that_has_changed_shows_as_unsigned_and_says_what_changed() -> None:
    changed = {**CONTENT, "excursions": [{"id": "f1", "peak": 63.0}], "holds": [1]}

    (told,) = shown([signature(CONTENT)], changed)

    assert not told.stands
    assert told.changes == ("excursions[0].peak: 62.4 → 63.0", "holds: [] → [1]")


def test_many_changes_are_counted() -> None:
    told = changes(canonical({str(n): 0 for n in range(30)}), canonical({str(n): 1 for n in range(30)}))

    assert len(told) == 21
    assert told[-1] == "and 10 more"


@pytest.mark.parametrize("meaning", [Meaning.REVIEWED, Meaning.APPROVED, Meaning.REJECTED])
def test_nobody_reviews_what_they_did_however_the_name_is_written(meaning: Meaning) -> None:
    with pytest.raises(Refused, match="another person"):
        demand_other_person(meaning, "ADA  lovelace", ["Grace", "Ada Lovelace"])
    demand_other_person(meaning, "Ruth", ["Grace", "Ada Lovelace"])


def test_who_did_it_signs_that_they_did() -> None:
    demand_other_person(Meaning.PERFORMED, "Ada", ["Ada"])
