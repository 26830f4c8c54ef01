"""Row `flood`: 200 alarms within a second, and how many seconds after the first one the list and the digest stand.

The real service as its own processes behind a real broker, with a mail server: 20 messages of ten tags each, evenly over
a second. The clock stops when `/v1/alarms` lists all 200 and `/v1/alarms/flood` counts them all and names the first-out.
The peer is the limit: the second in which they come, and two more.
"""

import statistics
import tempfile
import time
from pathlib import Path

from tests.acceptance.telling.flooded import FIRST, HIGH, QUIET, TAGS, Flooded, flooded

LIMIT_S = 3.0
MESSAGES, WITHIN_S = 20, 1.0
REPETITIONS = 5
LOOK_EVERY_S = 0.02


def run() -> dict[str, dict[str, object]]:
    """Floods one after the other; between them all is quiet again."""
    taken_s = []
    with tempfile.TemporaryDirectory() as name, flooded(Path(name)) as site:
        for _ in range(REPETITIONS):
            taken_s.append(_flood(site))
            site.set(TAGS, QUIET)
            while any(each["active"] for each in site.active()):
                time.sleep(LOOK_EVERY_S)
    figure = statistics.median(taken_s)
    note = (
        f"median of {REPETITIONS} floods of {len(TAGS)} alarms that come within {WITHIN_S:g} s; "
        f"worst {max(taken_s):.2f}; peer: the limit"
    )
    return {"flood": {"ours": figure, "peer": LIMIT_S, "ratio": LIMIT_S / figure, "unit": "s", "note": note}}


def _flood(site: Flooded) -> float:
    begun_s = time.monotonic()
    share = len(TAGS) // MESSAGES
    for number in range(MESSAGES):
        time.sleep(max(0.0, begun_s + number * WITHIN_S / MESSAGES - time.monotonic()))
        site.set(TAGS[number * share : (number + 1) * share], HIGH)
    while not _stands(site):
        time.sleep(LOOK_EVERY_S)
    return time.monotonic() - begun_s


def _stands(site: Flooded) -> bool:
    if sum(each["active"] for each in site.active()) < len(TAGS):
        return False
    (now,) = site.service.get("/v1/alarms/flood")["positions"]
    episodes = {episode["group"]: episode for episode in now["episodes"][::-1]}
    return len({alarm for each in now["episodes"] for alarm in each["alarms"]}) >= len(TAGS) and bool(
        now["flood"] and now["digest"] and episodes[FIRST.partition(".")[0]]["first_out"]
    )
