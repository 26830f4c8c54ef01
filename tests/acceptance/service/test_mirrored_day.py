"""Hours of the bench's campaign come back equal from a server that misbehaves in every way."""

from pathlib import Path

from tests.acceptance.service.mirrored_day import through_a_bad_server


async def test_hours_of_a_campaign_come_back_equal_from_a_bad_server(tmp_path: Path):
    day = await through_a_bad_server(tmp_path, hours=1)

    assert len(day.misbehaved) == 7
    assert day.missed_entries > 0
    assert day.forgotten_lines > 0
    assert day.found_forgotten > 0
    assert day.alike_after
    assert day.points == day.expected
