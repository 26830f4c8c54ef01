"""Accounts, tokens, links and tries in the records: what stays, what ends, and how guessing gets slow."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert

from domain.errors import Refused
from domain.people import WITH_A_NAME, WITH_AN_ADDRESS, Door, NotLetIn, Person, SessionRules, State, TooSoon, Tries
from domain.roles import Permission
from domain.time import HOUR_NS, MINUTE_NS, SECOND_NS
from records import tries
from records.address import Address
from records.database import SqlRecords
from records.desk import SqlPeople
from records.engine import Database
from records.passwords import Hasher, proper_password
from records.tables import tries as table

BY = Person("Grace", "admin", "10.0.0.9")
WORDS, OTHERS = "correct battery of words", "another set of words"
DOOR = Door("10.0.0.7", "a browser")
RULES = SessionRules()
CHEAP = Hasher(memory_kib=8, passes=1)


class Wall:
    now_ns = 1_800_000_000_000_000_000

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def people(tmp_path: Path, wall: Wall) -> Iterator[SqlPeople]:
    with closing(Database(tmp_path / "records.db")) as database:
        desk = SqlPeople(database, wall, CHEAP)
        desk.add("Ada", "Ada Lovelace", "operator", BY, "joins shift 2")
        desk.give_password("Ada", WORDS, BY)
        yield desk


def test_a_password_is_kept_as_argon2id_with_parameters_that_owasp_gives(tmp_path: Path) -> None:
    kept = Hasher().hash(WORDS)

    assert kept.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert Hasher().is_it(kept, WORDS)
    assert not Hasher().is_it(kept, OTHERS)


def test_a_hash_of_other_parameters_is_made_anew_at_the_next_login(tmp_path: Path, wall: Wall) -> None:
    with closing(Database(tmp_path / "records.db")) as database:
        before = SqlPeople(database, wall, Hasher(memory_kib=16, passes=1))
        before.add("Ada", "", "operator", BY, "")
        before.give_password("Ada", WORDS, BY)
        SqlPeople(database, wall, CHEAP).check_password("Ada", WORDS, DOOR)
    with closing(sqlite3.connect(tmp_path / "records.db")) as raw:
        (kept,) = raw.execute("SELECT password FROM accounts").fetchone()

    assert "$m=8,t=1,p=1$" in kept


@pytest.mark.parametrize(
    "password",
    ["short words", "password1234", "PassWord1234", "aaaaaaaaaaaaaaaa", "adaadaadaada", "Lovelace2026!!", "x" * 201],
)
def test_passwords_that_are_short_or_tried_first_are_refused(password: str) -> None:
    with pytest.raises(Refused):
        proper_password(password, ("ada", "Lovelace"))


@pytest.mark.parametrize(
    "password", ["only small letters here", "пароль из нескольких слов", "a1b2c3d4e5f6", "x y z q w v u t"]
)
def test_no_rule_of_composition_stands_in_the_way(password: str) -> None:
    assert proper_password(password, ("ada",)) == password


def test_the_same_letters_are_the_same_password_however_they_are_typed(people: SqlPeople) -> None:
    people.give_password("Ada", "f\u00fcnf W\u00f6rter im Satz", BY)

    assert people.check_password("Ada", "fu\u0308nf Wo\u0308rter im Satz", DOOR).name == "Ada"


@pytest.mark.parametrize("name", ["Ada", "ada", "\uff21da"])
def test_a_name_is_somebodys_for_ever_also_when_it_only_looks_alike(people: SqlPeople, name: str) -> None:
    people.disable("Ada", BY, "left the plant")

    with pytest.raises(Refused, match="somebody's already"):
        people.add(name, "", "operator", BY, "a new Ada")


@pytest.mark.parametrize("name", ["\u0410da", "Ad\u0251", "\u0391\u0501\u0430"], ids=["Cyrillic", "phonetic", "mixed"])
def test_a_name_that_others_would_take_for_somebody_is_refused(people: SqlPeople, name: str) -> None:
    with pytest.raises(Refused, match="looks like 'Ada'"):
        people.add(name, "", "operator", BY, "a second Ada")


def test_a_name_in_another_alphabet_is_a_name(people: SqlPeople) -> None:
    people.add("\u041d\u0438\u043d\u0430", "", "operator", BY, "joins")

    assert "\u041d\u0438\u043d\u0430" in [each.name for each in people.accounts()]


@pytest.mark.parametrize(
    "name",
    [
        "",
        " Ada",
        "Ada\ufe0f",
        "Ada\u3164",
        "Ada\u200b",
        "Ada\u202e",
        "A\r\nSet-Cookie: x=1",
        "A\tB",
        "A" * 101,
        "A\x00B",
    ],
)
def test_a_name_that_could_become_a_header_or_a_line_is_refused(people: SqlPeople, name: str) -> None:
    with pytest.raises(Refused, match="not a name"):
        people.add(name, "", "operator", BY, "")


def test_two_administrators_who_disable_each_other_at_once_leave_one(people: SqlPeople) -> None:
    for name in ("Grace", "Mary"):
        people.add(name, "", "admin", BY, "")
        people.give_password(name, f"{name} {WORDS}", BY)

    def disable(name: str) -> bool:
        try:
            people.disable(name, BY, "left")
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(2) as both:
        done = list(both.map(disable, ("Grace", "Mary")))

    assert sorted(done) == [False, True]


def test_pauses_double_and_the_tenth_failure_locks_for_a_quarter_of_an_hour() -> None:
    waits_s = []
    for failures in range(1, 12):
        tried = Tries(failures, 0)
        waits_s.append(WITH_A_NAME.open_at_ns(tried) // SECOND_NS)

    assert waits_s == [0, 0, 0, 1, 2, 4, 8, 16, 30, 900, 30]
    assert WITH_A_NAME.open_at_ns(Tries(15, 0)) == 30 * MINUTE_NS
    assert WITH_A_NAME.open_at_ns(Tries(1_000, 0)) == 4 * HOUR_NS


def fails(people: SqlPeople, wall: Wall, times: int, name: str = "Ada", door: Door = DOOR) -> None:
    """Try a wrong password so often, as soon as each try is looked at."""
    done = 0
    while done < times:
        try:
            people.check_password(name, OTHERS, door)
        except TooSoon as soon:
            wall.now_ns += soon.wait_s * SECOND_NS
        except NotLetIn:
            done += 1


def test_a_locked_account_is_told_in_the_list_to_the_alarm_and_in_the_trail(
    people: SqlPeople, wall: Wall, tmp_path: Path
) -> None:
    fails(people, wall, 10)
    with pytest.raises(TooSoon) as refused:
        people.check_password("Ada", WORDS, DOOR)
    locked = people.accounts()[0]
    told = people.locked()
    people.unlock("Ada", BY, "she rang")

    assert 840 < refused.value.wait_s <= 900
    assert (locked.state, locked.locked_until_ns is not None, told) == (State.LOCKED, True, ["Ada"])
    assert people.check_password("Ada", WORDS, DOOR).name == "Ada"
    with SqlRecords.open(tmp_path / "records.db") as records:
        trail = [(each.entry.subject, each.entry.what) for each in records.list_audit(30)]
        records.verify_audit()
    assert trail[:2] == [("Ada", "unlocked"), ("Ada", "locked for a time")]
    assert trail.count(("Ada", "failed")) == 10


def test_a_name_that_nobody_has_slows_down_and_locks_alike(people: SqlPeople, wall: Wall) -> None:
    said: dict[str, list[str]] = {}
    for name in ("Ada", "nobody"):
        said[name] = []
        for _ in range(14):
            try:
                people.check_password(name, OTHERS, Door(""))
            except (NotLetIn, TooSoon) as refused:
                said[name].append(str(refused))
            wall.now_ns += 4 * SECOND_NS

    assert said["Ada"] == said["nobody"]


def test_what_is_typed_as_a_name_is_nowhere_in_the_file(people: SqlPeople, tmp_path: Path) -> None:
    with pytest.raises(NotLetIn):
        people.check_password("my-password-by-mistake", OTHERS, DOOR)

    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"my-password-by-mistake" not in written


def test_tries_at_once_are_counted_before_they_are_looked_at(people: SqlPeople) -> None:
    told: list[type[Exception]] = []

    def attempt() -> None:
        try:
            people.check_password("Ada", OTHERS, DOOR)
        except (NotLetIn, TooSoon) as refused:
            told.append(type(refused))

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told.count(NotLetIn) == 4  # three are free, and one more counts before the first pause
    assert told.count(TooSoon) == 8


def test_strangers_cannot_lock_out_who_is_signed_in_at_a_desk(people: SqlPeople, wall: Wall) -> None:
    desk = Door("10.0.0.7", "a browser", people.enter("Ada", WORDS, DOOR, RULES).secret)
    fails(people, wall, 10, door=Door("10.9.9.9"))

    assert people.check_password("Ada", WORDS, desk).name == "Ada"


def test_guessing_at_a_desk_that_somebody_left_ends_the_session(people: SqlPeople, wall: Wall) -> None:
    entered = people.enter("Ada", WORDS, DOOR, RULES)
    fails(people, wall, 10, door=Door("10.0.0.7", "a browser", entered.secret))

    assert people.visit(entered.secret) is None


def test_the_table_of_tries_is_bounded(
    people: SqlPeople, wall: Wall, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tries, "MOST_KEYS", 20)
    for number in range(60):
        with pytest.raises(NotLetIn):
            people.check_password(f"name {number}", OTHERS, Door(""))
    with closing(sqlite3.connect(tmp_path / "records.db")) as raw:
        (rows,) = raw.execute("SELECT count(*) FROM tries").fetchone()

    assert rows <= 20


def test_the_first_link_makes_one_administrator_once_within_an_hour(people: SqlPeople, wall: Wall) -> None:
    older = people.first_link()
    link = people.first_link()
    assert older is not None
    assert link is not None
    with pytest.raises(Refused, match="ask for a new one"):
        people.set_up(older, "Grace", "", WORDS)
    with pytest.raises(Refused, match="at least 12"):
        people.set_up(link, "Grace", "", "short")
    people.set_up(link, "Grace", "Grace Hopper", WORDS)

    assert people.first_link() is None
    with pytest.raises(Refused, match="ask for a new one"):
        people.set_up(link, "Mallory", "", WORDS)


def test_a_link_ends_and_is_kept_as_a_hash_alone(people: SqlPeople, wall: Wall, tmp_path: Path) -> None:
    link = people.reset("Ada", BY, "forgot it")
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    wall.now_ns += 24 * HOUR_NS

    assert link.encode() not in written
    with pytest.raises(Refused, match="ask for a new one"):
        people.choose_password(link, OTHERS)


def test_a_new_password_ends_every_session_and_the_link_is_used_up(people: SqlPeople) -> None:
    entered = people.enter("Ada", WORDS, DOOR, RULES)
    link = people.reset("Ada", BY, "she asked")
    people.choose_password(link, OTHERS)

    assert people.visit(entered.secret) is None
    with pytest.raises(Refused, match="ask for a new one"):
        people.choose_password(link, WORDS)


def test_who_is_disabled_is_out_at_once_with_sessions_and_token(people: SqlPeople) -> None:
    entered = people.enter("Ada", WORDS, DOOR, RULES)
    token = people.add_token("Ada", "", BY)
    people.disable("Ada", BY, "left")

    assert people.visit(entered.secret) is None
    assert people.holder(token) is None
    people.enable("Ada", BY, "came back")
    assert people.holder(token) is None


def test_the_last_administrator_who_can_sign_in_stays(people: SqlPeople) -> None:
    link = people.first_link()
    assert link is not None
    people.set_up(link, "Grace", "", WORDS)

    with pytest.raises(Refused, match="only administrator"):
        people.disable("Grace", BY, "")
    with pytest.raises(Refused, match="only administrator"):
        people.give_role("Grace", "QA", BY, "")


def test_a_token_has_scopes_within_the_role_and_ends(people: SqlPeople, wall: Wall) -> None:
    with pytest.raises(Refused, match="may not approve ranges"):
        people.add_token("mes", "service", BY, scopes=[Permission.APPROVE_RANGES])
    token = people.add_token("mes", "service", BY, scopes=[Permission.TELL], lasts_ns=HOUR_NS)
    holder = people.holder(token)
    wall.now_ns += HOUR_NS

    assert holder is not None
    assert holder.may(Permission.TELL)
    assert not holder.may(Permission.EXPORT)
    assert people.holder(token) is None


def test_who_has_a_token_alone_has_no_password_to_sign_with(people: SqlPeople) -> None:
    people.add_token("Bob", "operator", BY)

    with pytest.raises(NotLetIn):
        people.check_password("Bob", "", DOOR)


def test_electronic_records_line_1_and_6_a_privilege_has_who_what_old_new_and_why_in_the_trail(
    people: SqlPeople, tmp_path: Path
) -> None:
    people.give_role("Ada", "shift lead", BY, "passed her examination")
    with SqlRecords.open(tmp_path / "records.db") as records:
        entry = records.list_audit(1)[0].entry

    assert (entry.person, entry.role, entry.origin) == ("Grace", "admin", "10.0.0.9")
    assert (entry.subject, entry.what, entry.old, entry.new) == ("Ada", "role", "operator", "shift lead")
    assert entry.comment == "passed her examination"


def test_people_live_on_both_databases(address: Address) -> None:
    with SqlRecords.open(address) as records:
        desk = SqlPeople(records._database, Wall(), CHEAP)
        desk.add("Ada", "", "operator", BY, "")
        desk.give_password("Ada", WORDS, BY)
        with pytest.raises(NotLetIn):
            desk.enter("Ada", OTHERS, DOOR, RULES)
        entered = desk.enter("ada", WORDS, DOOR, RULES)
        desk.used(entered.secret)
        seen = desk.visit(entered.secret)
        desk.end_session(entered.session.id, BY, "for a test")

        assert seen is not None
        assert seen.person.name == "Ada"
        assert desk.visit(entered.secret) is None
        assert records.verify_audit().records > 3


def test_a_right_password_at_an_address_that_was_locked_does_not_lock_it_anew(people: SqlPeople, wall: Wall) -> None:
    shared = tries.counter("address", DOOR.address, WITH_AN_ADDRESS, is_shared=True)
    with people._database.writing() as connection:
        connection.execute(insert(table).values(key=shared.key, failures=99, last_ns=wall.now_ns - HOUR_NS))
    with pytest.raises(NotLetIn):
        people.enter("nobody", WORDS, DOOR, RULES)
    with pytest.raises(TooSoon):
        people.enter("Ada", WORDS, DOOR, RULES)
    wall.now_ns += 15 * MINUTE_NS

    for _ in range(3):
        assert people.enter("Ada", WORDS, DOOR, RULES).person.name == "Ada"
    with pytest.raises(NotLetIn):  # what was tried before still counts
        people.enter("nobody", WORDS, DOOR, RULES)
    with pytest.raises(TooSoon):
        people.enter("Ada", WORDS, DOOR, RULES)


def test_the_role_that_somebody_has_is_no_other_one(people: SqlPeople) -> None:
    with pytest.raises(Refused, match="has the role operator already"):
        people.give_role("Ada", "operator", BY, "again")
