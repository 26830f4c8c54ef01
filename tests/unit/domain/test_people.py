"""The page on people says what the table of roles says."""

from pathlib import Path

from domain.roles import GRANTS, Permission, Role

PAGE = Path(__file__).parents[3] / "docs" / "people.md"


def test_the_page_on_people_has_every_permission_and_who_has_it() -> None:
    rows = [f"| {each} | {', '.join(role for role in Role if role in GRANTS[each])} |" for each in Permission]

    assert [row for row in rows if row not in PAGE.read_text(encoding="utf-8")] == []
