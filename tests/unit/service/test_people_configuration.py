"""The sections `people` and `translations`: who is told, by what, and what cannot be meant."""

from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alarms.recipients import QuietHours, Recipient
from alarms.routing import Audience
from domain.errors import ConfigError
from domain.rules import Priority
from service.config.build import Configuration, load
from service.tellers import audiences_of

CHANNELS = "notify: {mail: {url: 'console://'}, desk: {url: 'console://', priority: low}}"


def loaded(folder: Path, people: str, rest: str = "") -> Configuration:
    (folder / "thermowell.yaml").write_text(f"people: {people}\n{CHANNELS}\n{rest}")
    return load(folder / "thermowell.yaml")


def test_a_person_is_as_the_file_says(tmp_path: Path) -> None:
    ada = (
        "{tell: [mail, mail], language: de, zone: Europe/Berlin, quiet: {from: '22:00', to: '06:00'}, priority: medium}"
    )
    built = loaded(tmp_path, f"{{ada: {ada}}}", "translations: {de: {Cooling lost: Kühlung ausgefallen}}")

    assert built.people["ada"] == Recipient(
        "ada",
        ("mail",),
        "de",
        ZoneInfo("Europe/Berlin"),
        QuietHours(time(22), time(6)),
        Priority.MEDIUM,
        {"Cooling lost": "Kühlung ausgefallen"},
    )


def test_a_channel_of_a_person_tells_nobody_else_unless_it_has_a_priority_of_its_own(tmp_path: Path) -> None:
    built = loaded(tmp_path, "{ada: {tell: [mail]}, grace: {tell: [desk], priority: critical}}")
    assert audiences_of(built) == [
        Audience("desk", Priority.LOW),
        Audience("ada", Priority.HIGH),
        Audience("grace", Priority.CRITICAL),
    ]


def test_without_people_every_channel_is_told_as_ever(tmp_path: Path) -> None:
    assert [each.channel for each in audiences_of(loaded(tmp_path, "{}"))] == ["mail", "desk"]


@pytest.mark.parametrize(
    ("people", "complaint"),
    [
        ("{ada: {tell: [post]}}", "1:22: people.ada.tell.0: there is no channel 'post'"),
        ("{ada: {tell: []}}", "1:16: people.ada.tell: "),
        ("{ada: {tell: [mail], zone: Mars/Base}}", "1:30: people.ada.zone: no time zone is named 'Mars/Base'"),
        ("{ada: {tell: [mail], language: tlh}}", "1:30: people.ada.language: "),
        ("{ada: {tell: [mail], quiet: {from: '24:00', to: '06:00'}}}", "1:38: people.ada.quiet.from: "),
        ("{ada: {tell: [mail], quiet: {from: '06:00', to: '06:00'}}}", "1:30: people.ada.quiet: quiet hours end when"),
        ("{mail: {tell: [mail]}}", "1:10: people.mail: a channel of `notify` is called 'mail' too"),
        ("{a@b: {tell: [mail]}}", "1:10: people.a@b: 'a@b' is no name"),
        ("{ada: {tell: [mail], phone: '1'}}", "1:30: people.ada.phone: "),
    ],
)
def test_what_cannot_be_meant_is_refused_in_its_place(tmp_path: Path, people: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, people)

    told = str(refused.value).removeprefix(f"{tmp_path}/thermowell.yaml:")
    path = complaint.split(": ")[1]
    assert f" {path}: " in told
    assert complaint.split(": ", 2)[2].split("'", maxsplit=1)[0] in told
