"""Shift logs of the two nights in which the clocks of a zone change, with a real mail server: duty, hand-over, quiet hours."""

from pathlib import Path

import pytest

from domain.time import HOUR_NS, MINUTE_NS, SECOND_NS, format_time, parse_time_ns
from tests.acceptance.telling.on_duty import Plant, Wall, heard, telling, until, write_events, write_plant
from tests.acceptance.telling.servers import Mailbox, mail_server
from tests.ports import free_port

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:apprise.*")

ROTA = """
priority: low
hand_over: duty
escalate: [{after: 5min, tell: Deputy}]
"""
DAILY = "\nRRULE:FREQ=DAILY"


def written(folder: Path, mail: int) -> Path:
    """Ada has the nights, 22:00 to 06:00, Grace the days; the deputy sleeps while Ada works."""
    file = write_plant(folder, mail, free_port(), ROTA)
    asleep = 'zone: Europe/Berlin, quiet: {from: "22:00", to: "06:00"}'
    lines = [line for line in file.read_text().splitlines() if "hook:" not in line]
    file.write_text("\n".join(lines).replace("language: de", f"language: de, {asleep}"))
    write_events(
        folder,
        ("Ada", "20260101T220000", f"20260102T060000{DAILY}"),
        ("Grace", "20260101T060000", f"20260101T220000{DAILY}"),
    )
    return file


def handed_over(plant: Plant) -> list[str]:
    """When duties began of which it was told, or found that nothing stood."""
    begun = {id_.removeprefix("handover.leads.").partition("@")[0] for id_ in plant.states() if "handover" in id_}
    return [format_time(int(each) * SECOND_NS) for each in sorted(begun)]


@pytest.mark.parametrize(
    ("evening", "morning", "hours"),
    [("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z", 7), ("2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z", 9)],
    ids=["to summer time", "from summer time"],
)
async def test_in_the_night_of_the_change_each_is_told_once_by_the_clock_on_their_wall(
    tmp_path: Path, evening: str, morning: str, hours: int
) -> None:
    box, port = Mailbox(), free_port()
    evening_ns, morning_ns = parse_time_ns(evening), parse_time_ns(morning)
    with mail_server(box, port):
        plant = Plant(written(tmp_path, port), Wall(format_time(evening_ns - HOUR_NS)))
        async with telling(plant):
            plant.comes("R101.LT")
            await until(lambda: heard(box) == ["grace"])
            plant.acknowledges("R101.LT~high", "Grace")
            plant.wall.shows(evening)
            await until(lambda: heard(box) == ["grace", "ada"])  # what stands as her duty begins

            plant.wall.shows(format_time(evening_ns + HOUR_NS))
            plant.comes("R101.TT", "excursion.nor.high")
            await until(lambda: heard(box) == ["grace", "ada", "ada"])
            plant.wall.passes(5)
            await until(lambda: plant.states().get("R101.TT~high.1@Deputy/Deputy_mail#1") == "pending")

            plant.wall.shows(format_time(morning_ns - MINUTE_NS))
            plant.comes("R101.PT")
            await until(lambda: heard(box) == ["grace", "ada", "ada", "ada"])
            plant.acknowledges("R101.PT~high")
            plant.wall.shows(morning)
            await until(lambda: sorted(heard(box)[4:]) == ["deputy", "grace"])
            plant.wall.passes(10)
            await until(plant.is_settled)
            begun = handed_over(plant)
        plant.records.close()

    assert morning_ns - evening_ns == hours * HOUR_NS
    assert begun == [evening, morning]
    assert len(box.mails) == 6
