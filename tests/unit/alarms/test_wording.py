"""Each language is whole, and a person reads their own time."""

import string
from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from alarms.flood import digest_of
from alarms.phrases import ENGLISH, LANGUAGES
from alarms.routing import Audience, notices_for
from alarms.wording import Reader, Wording, digest_words, text_of, title_of
from domain.rules import Priority
from tests.unit.alarms.test_routing import said

BERLIN = Reader("de", ZoneInfo("Europe/Berlin"), {"Cooling lost": "Kühlung ausgefallen"})


def fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_there_in_each_language_with_the_same_blanks(language: str) -> None:
    table = LANGUAGES[language]
    assert set(table) == set(ENGLISH)
    assert {key: fields(text) for key, text in table.items()} == {key: fields(text) for key, text in ENGLISH.items()}
    assert all(text.strip() for text in table.values())
    assert {f"priority {int(priority)}" for priority in Priority} <= set(table)


def test_a_person_reads_in_their_language_and_by_their_clock() -> None:
    wording = Wording("demo", simulated=True, page_url="http://127.0.0.1:8087")
    assert title_of(said(), wording, BERLIN) == "SIMULIERT HOCH: R101.TT high (2. Mal)"
    assert text_of(said(), wording, BERLIN).splitlines() == [
        "R101.TT is 62.4 degC, above 62",
        "SIMULIERT: Diese Anlage ist simuliert.",
        "Standort demo, Anlage R101, Charge B-1, Phase dose",
        "Seit 2026-03-01 11:00:00 CET (UTC+01:00) (12 min)",
        "Der Alarm ist aktiv und nicht quittiert. Zum 2. Mal.",
        "Ursache: Kühlung ausgefallen",
        "Folge: Impurity D",
        "Maßnahme: Stop dosing",
        "Zu handeln innerhalb von 10 min.",
        "Übergang R101.TT~high.1",
        "http://127.0.0.1:8087/alarms/R101.TT~high",
    ]


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        (UTC, "2026-07-01T10:00:00Z"),
        (ZoneInfo("UTC"), "2026-07-01 10:00:00 UTC (UTC+00:00)"),
        (ZoneInfo("Europe/Berlin"), "2026-07-01 12:00:00 CEST (UTC+02:00)"),
        (ZoneInfo("America/Sao_Paulo"), "2026-07-01 07:00:00 UTC-03:00"),  # that zone has no name but its distance
    ],
)
def test_a_time_names_its_zone(zone: ZoneInfo, shown: str) -> None:
    assert Reader(zone=zone).time(1_782_900_000 * 10**9) == shown


@pytest.mark.parametrize(
    ("subject", "name", "title"),
    [
        ("clock", "clock free", "HIGH: clock free"),
        ("R101.TT", "high", "HIGH: R101.TT high"),
        ("clock", "clockwork", "HIGH: clock clockwork"),
        ("records", "Records", "HIGH: Records"),
        ("", "high", "HIGH: high"),
    ],
)
def test_a_title_names_its_subject_once(subject: str, name: str, title: str) -> None:
    assert title_of(said(subject=subject, name=name, occurrence=1), Wording()) == title


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("what", ["activated", "severity", "unshelved", "returned", "acknowledged", "commented"])
def test_whatever_is_told_has_the_ids_that_prove_it_in_each_language(language: str, what: str) -> None:
    told = said(what, person="Ada")
    assert "R101.TT~high.1" in text_of(told, Wording(), Reader(language))
    assert title_of(told, Wording(), Reader(language)).count("R101.TT") == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_message_of_the_quiet_hours_is_no_plural(language: str) -> None:
    (notice,) = notices_for(said(), [Audience("leads")])
    title, _ = digest_words([notice], Reader(language), quiet=True)

    assert title.endswith(f": {notice.title}")
    assert "1" not in title.removesuffix(notice.title)


@pytest.mark.parametrize("quiet", [False, True])
def test_a_digest_is_in_the_language_of_who_reads_it(*, quiet: bool) -> None:
    (notice,) = notices_for(said(), [Audience("ada")])
    letter = digest_of([notice, replace(notice, id="b")], BERLIN, quiet=quiet)
    assert letter.title.startswith("2 Nachrichten")
    assert "Übergang R101.TT~high.1" in letter.text
    assert ("Ruhezeit" in letter.text) is quiet
