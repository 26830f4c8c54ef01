"""A shift's log: cooling is lost, and 199 alarms follow. Real broker, real service, real mail."""

import re
from pathlib import Path

import pytest

from tests.acceptance.service.running import MOSQUITTO, until
from tests.acceptance.telling.flooded import FIRST, HIGH, TAGS, UNITS, alarm_of, flooded

pytestmark = [
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

MOST_MAILS = 10 + 2
"""Single messages until it is a flood, and its digests."""


def test_in_a_flood_everything_is_listed_and_told_once_in_few_messages(tmp_path: Path) -> None:
    with flooded(tmp_path) as site:
        # The first one, then a few, then all the rest within a moment.
        site.set([FIRST], HIGH)
        until(lambda: len(site.active()) == 1)
        site.set(TAGS[:6], HIGH)
        until(lambda: len(site.active()) == 6)
        site.set(TAGS, HIGH)
        until(lambda: len(site.active()) == len(TAGS))

        listed = {each["id"] for each in site.active()}
        (now,) = site.service.get("/v1/alarms/flood")["positions"]
        until(lambda: {each["state"] for each in site.service.get("/v1/notices?limit=1000")["notices"]} == {"sent"})
        mails = list(site.box.mails)

    assert listed == {alarm_of(tag) for tag in TAGS}

    first = f"{FIRST} limit high"
    assert (now["flood"]["annunciated"], now["flood"]["end_ns"], now["flood"]["first_out"]) == (200, None, first)
    assert now["by_unit"] == dict.fromkeys(UNITS, 50)
    assert [each["followed"] for each in now["episodes"]] == [49] * len(UNITS)
    assert now["digest"][0].startswith(f"First: {first}; 49 followed ")

    told = [id_ for mail in mails for id_ in ids_in(mail.get_content())]
    assert sorted(told) == sorted(f"{alarm_of(tag)}.1" for tag in TAGS)  # each, and none twice
    assert len(mails) <= MOST_MAILS
    digest = max(mails, key=lambda mail: len(mail.get_content())).get_content()
    assert re.search(r"^By unit: \d+ R10", digest, re.MULTILINE)


def ids_in(text: str) -> set[str]:
    """The transitions that a mail names."""
    return set(re.findall(r"R10\d\.T\d\d~[a-z-]+\.\d+", text))
