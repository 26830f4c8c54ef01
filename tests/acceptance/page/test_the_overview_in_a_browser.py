"""The overview as a shift lead uses it, in a real browser."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.page.browser import PROGRAM, Browser, browsing, signed_in
from tests.acceptance.page.plant import NAME, PASSWORD
from tests.patience import LIMIT_S

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium here: the page is not looked at")

READ = "document.getElementById('connection-text').textContent === 'live' && document.querySelectorAll('.alarm').length === 4"
DAY_S = 86_400.0
FIRST = "document.querySelector('.alarm')"


class Server:
    """A small plant served by a process of its own."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.core_tells()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.page.plant", "0", str(run)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def core_tells(self, why: str = "ready", *, ago_s: float = -DAY_S) -> None:
        """What the core wrote of itself, and when; in the future: it keeps writing."""
        at_s = time.time() - ago_s
        report = {"wall_ns": round(at_s * 1e9), "healthy": why == "ready", "why": why, "figures": []}
        new = self.run / "core.new"
        new.write_text(json.dumps(report))
        os.utime(new, (at_s, at_s))
        new.replace(self.run / "core.json")

    def freeze(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(LIMIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("run"))
    yield server
    server.end()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(server: Server, browser: Browser) -> Browser:
    browser.open(server.url, 1600, 1000)
    browser.wait_for(READ)
    return browser


def test_values_live_and_nothing_complains(page: Browser) -> None:
    before = page.evaluate("document.getElementById('plant-time').textContent")
    page.wait_for(
        "[...document.querySelectorAll('.parameter [data-value]')].every((one) => one.textContent !== '\u2013')"
    )
    page.wait_for(f"document.getElementById('plant-time').textContent !== {before!r}")

    assert page.complaints == []


def test_a_visitor_sees_at_once_that_the_plant_is_simulated_and_the_ranges_are_drafts(page: Browser) -> None:
    badges = page.evaluate("document.querySelector('.top-badges').innerText")

    assert "SIMULATED \u00d7360" in str(badges)
    assert "ranges not approved" in str(badges)


def test_the_validated_range_stands_beside_the_value(page: Browser) -> None:
    ranges = page.wait_for(
        "[...document.querySelectorAll('[data-range]')].map((one) => one.textContent).find((text) => text.includes('validated'))"
    )

    assert ranges


def test_a_trend_has_its_past_drawn(page: Browser) -> None:
    drawn = """(() => {
      const canvas = document.querySelector('[data-tag="R101.TT"] canvas');
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      let dark = 0;
      for (let at = 0; at < pixels.length; at += 4) dark += pixels[at] < 90 && pixels[at + 2] < 110;
      return dark > 150;
    })()"""

    assert page.wait_for(drawn)


def test_the_keyboard_reads_exact_values_from_a_trend(page: Browser) -> None:
    page.wait_for("document.querySelector('[data-tag=\"R101.TT\"] [data-value]').textContent !== '\u2013'")
    page.evaluate("document.querySelector('[data-tag=\"R101.TT\"] canvas').focus()")
    label = """(() => {
      const canvas = document.querySelector('[data-tag="R101.TT"] canvas');
      for (const key of ['End', 'ArrowLeft']) canvas.dispatchEvent(new KeyboardEvent('keydown', { key }));
      return canvas.ariaLabel ?? canvas.getAttribute('aria-label');
    })()"""

    assert "°C · 2026-03-0" in str(page.evaluate(label))


def test_batches_move_through_their_phases(page: Browser) -> None:
    lanes = page.wait_for(
        "document.querySelectorAll('.lane-name').length && document.getElementById('timeline').innerText"
    )

    assert "dose" in str(lanes)
    assert "API1-26-041" in str(lanes)


def test_priorities_have_shape_and_number_and_the_unacknowledged_come_first(page: Browser) -> None:
    shapes = page.evaluate(
        "[...document.querySelectorAll('.alarm .shape')].map((one) => one.ariaLabel ?? one.getAttribute('aria-label'))"
    )

    assert shapes == ["priority 1", "priority 2", "priority 4", "priority 3"]


def test_a_wrong_password_is_refused_in_place_and_nothing_typed_is_lost(page: Browser) -> None:
    page.evaluate(f"{FIRST}.querySelector('button').click()")
    page.evaluate(_commented("looked at it"))
    page.wait_for("document.querySelector('dialog[open] form')")
    page.evaluate(signed_in(NAME, "not this one, surely"))
    refused = page.wait_for("document.querySelector('dialog .form-fault').textContent")
    page.evaluate("document.querySelector('dialog .press-plain').click()")
    page.wait_for("document.querySelector('dialog') === null")

    assert refused == "name or password is wrong"
    assert page.evaluate("document.querySelector('form.answer input').value") == "looked at it"


def test_a_dead_stream_is_visible_and_heals(server: Server, page: Browser) -> None:
    server.freeze()
    try:
        stale = page.wait_for(
            "document.querySelector('#connection.is-stale') && document.getElementById('connection-text').textContent"
        )
    finally:
        server.thaw()
    page.wait_for("document.querySelector('#connection.is-live') !== null")

    assert "stale since" in str(stale)


def test_every_page_says_that_nothing_is_judged_while_the_core_is_dead_and_stops_saying_so(
    server: Server, browser: Browser
) -> None:
    shown = "(() => { const it = document.getElementById('standstill'); return !it.hidden && it.innerText; })()"
    said: dict[str, str] = {}
    colours: set[object] = set()
    try:
        server.core_tells(ago_s=60)
        for path in ("", "recipes", "batches/API1-26-041", "alarms/R101.TT/high", "batches/of-nobody"):
            browser.open(f"{server.url}{path}", 1600, 1000)
            said[path] = str(browser.wait_for(shown))
            colours.add(browser.evaluate("getComputedStyle(document.getElementById('standstill')).backgroundColor"))
        server.core_tells("what is judged cannot be written: the disk is full", ago_s=-DAY_S)
        browser.wait_for("document.getElementById('standstill').innerText.includes('the disk is full')")
        server.core_tells()
        browser.wait_for("document.getElementById('standstill').hidden")
    finally:
        server.core_tells()

    assert len(said) == 5
    assert all(
        re.fullmatch(r"The service does not judge since \d\d:\d\d UTC: its core process does not report\.", each)
        for each in said.values()
    ), said
    assert len(set(said.values())) == 1
    assert colours == {"rgb(196, 22, 28)"}


def test_a_phone_shows_everything_without_scrolling_sideways(page: Browser) -> None:
    page.resize(400, 850)
    width = page.evaluate("document.documentElement.scrollWidth")
    page.resize(1600, 1000)

    assert width == 400


def test_an_acknowledgement_sticks_and_says_who(server: Server, page: Browser) -> None:
    page.open(server.url, 1600, 1000)
    page.wait_for(READ)
    page.evaluate(f"{FIRST}.querySelector('button').click()")
    page.evaluate(_commented("cleaning is on its way"))
    page.wait_for("document.querySelector('dialog[open] form')")
    page.evaluate(signed_in(NAME, PASSWORD))
    said = page.wait_for(
        "[...document.querySelectorAll('.alarm-said')].map((one) => one.textContent).find((text) => text.includes('cleaning'))"
    )
    page.open(server.url, 1600, 1000)
    page.wait_for(READ)

    assert "Ada" in str(said)
    assert "Ada" in str(
        page.evaluate(
            "[...document.querySelectorAll('.alarm')].find((one) => one.innerText.includes('R102_dirty')).innerText"
        )
    )


def test_an_alarm_has_a_page_with_its_history(server: Server, browser: Browser) -> None:
    browser.open(f"{server.url}alarms/R101.TT%2Fdrift", 1600, 1000)
    history = browser.wait_for(
        "document.querySelector('.alarm') && document.querySelector('canvas').clientWidth && document.querySelector('.history').innerText"
    )

    assert "Watching the jacket" in str(history)
    assert browser.complaints == []


def test_limits_around_a_set_point_move_with_it(server: Server, browser: Browser) -> None:
    """Pieces between its steps: proven inside at the limit, nothing where the set point is not proven."""
    browser.open(server.url, 1600, 1000)
    told = browser.evaluate("""(async () => {
      const { bandsOf } = await import('/static/js/history.js');
      const { Trend } = await import('/static/js/trend.js');
      const around = { ranges: { validated: [-2, 2] }, time_ms: [100, 200, 300], value: [60, null, 61.5] };
      const band = { start_ms: 100, end_ms: null, phase: 'dose', ranges: { nor: [58, null] }, around };
      window.fetch = async () => new Response(JSON.stringify({ bands: [band] }));
      const trend = new Trend(document.createElement('canvas'), { title: '', unit: '', exact: null });
      trend.bands = await bandsOf('R101.TT', 0);
      const outside = [[150, 62], [150, 62.1], [250, 99], [350, 63.5], [350, 59.4]];
      return {
        pieces: trend.bands.map((one) => [one.start, one.end, one.validated, one.nor]),
        outside: outside.map(([t, v]) => trend.isOutside({ t, v })),
      };
    })()""")

    assert told == {
        "pieces": [
            [100, 200, [58, 62], [58, None]],
            [200, 300, None, [58, None]],
            [300, None, [59.5, 63.5], [58, None]],
        ],
        "outside": [False, True, False, False, True],
    }


def test_times_are_by_the_plants_clock_also_in_the_night_that_has_an_hour_twice(server: Server, page: Browser) -> None:
    told = page.evaluate("""(async () => {
      const { PlantClock } = await import('/static/js/zone.js');
      const clock = new PlantClock('Europe/Berlin');
      const at = (text) => Date.parse(text);
      return [
        ...['2026-10-25T00:30Z', '2026-10-25T01:30Z', '2026-10-25T02:30Z'].map((text) => clock.moment(at(text))),
        clock.iso(at('2026-11-23T01:15:08.9Z')),
        ...['2026-10-25T02:30', '2026-03-29T02:30', '2026-07-01T12:00'].map((shown) => new Date(clock.read(shown)).toISOString()),
        new Date(clock.next(at('2026-11-23T01:15Z'), 6 * 3600e3)).toISOString(),
      ];
    })()""")

    assert told == [
        "2026-10-25 02:30:00 +02:00",
        "2026-10-25 02:30:00 +01:00",
        "2026-10-25 03:30:00",
        "2026-11-23T02:15:08.900+01:00 (Europe/Berlin)\n2026-11-23T01:15:08.900Z",
        "2026-10-25T00:30:00.000Z",
        "2026-03-29T01:30:00.000Z",
        "2026-07-01T10:00:00.000Z",
        "2026-11-23T05:00:00.000Z",
    ]


def test_a_flood_puts_lesser_alarms_of_one_rule_together(server: Server, browser: Browser) -> None:
    browser.open(server.url, 1600, 1000)
    told = browser.evaluate("""(async () => {
      const { grouped } = await import('/static/js/alarm-groups.js');
      const alarms = (count, rule, priority) =>
        Array.from({ length: count }, (_, at) => ({ id: `${rule}${priority}${at}`, rule, priority, acknowledged: false }));
      const sizes = (list) => grouped(list).map((group) => group.alarms.length);
      return [
        sizes([...alarms(5, 'par', 1), ...alarms(6, 'stale', 3), ...alarms(3, 'jump', 3)]),
        sizes(alarms(10, 'stale', 3)).length,
      ];
    })()""")

    assert told == [[1, 1, 1, 1, 1, 6, 1, 1, 1], 10]


def _commented(comment: str) -> str:
    return f"""(() => {{
      const form = document.querySelector('form.answer');
      form.querySelector('input').value = {comment!r};
      form.requestSubmit();
    }})()"""


PERHAPS = """(async () => {
    const hour = 3600e9, first = { unit: "T201", batch: "B-1", state: "breached", limit_ns: 12 * hour, warn_before_ns: [] };
    const holds = [8, 13].map((least) => ({ ...first, hold: "crude", counted_min_ns: least * hour, counted_max_ns: 13 * hour }));
    const list = document.createElement("ul"), fetched = window.fetch;
    window.fetch = async () => new Response(JSON.stringify({ holds, budgets: [] }), { headers: { "content-type": "application/json" } });
    const { readHolds } = await import("/static/js/side.js");
    try { await readHolds(list); } finally { window.fetch = fetched; }
    window.perhaps = [...list.querySelectorAll(".hold-state, .hold-left")].map((one) => one.textContent);
})(), 1"""


def test_a_hold_that_is_over_its_limit_in_the_worst_case_only_says_perhaps(page: Browser) -> None:
    page.evaluate(PERHAPS)

    told = page.wait_for("window.perhaps")
    assert told[:2] == ["perhaps over its limit", "perhaps 1 h 00 min over"]
    assert told[2:] == ["over its limit", "1 h 00 min over"]


EMPTIED = """(async () => {
    const { Timeline } = await import("/static/js/timeline.js");
    const box = document.createElement("div"), fetched = window.fetch, now = Date.now();
    const phase = { phase: "heat", start_ms: now - 60e3, end_ms: null, recipe: "API-1" };
    const batch = { unit: "R101", batch: "B-1", start_ms: now - 60e3, end_ms: null, phases: [phase] };
    const timeline = new Timeline(box, ["R101"], () => undefined), told = [];
    timeline.draw(now);
    told.push(box.textContent);
    for (const batches of [[batch], []]) {
      window.fetch = async () => new Response(JSON.stringify({ batches }), { headers: { "content-type": "application/json" } });
      try { await timeline.read(3600e3, now); } finally { window.fetch = fetched; }
      told.push(box.textContent);
    }
    window.emptied = told;
})(), 1"""


def test_batches_that_left_the_time_shown_are_not_shown_any_longer(page: Browser) -> None:
    page.evaluate(EMPTIED)

    before, during, after = page.wait_for("window.emptied")
    assert before == ""  # nothing is said before it was read
    assert "B-1" in during
    assert after.startswith("No batch has run in this time.")


def test_nothing_is_said_to_be_none_before_it_was_read(server: Server) -> None:
    with urllib.request.urlopen(server.url, timeout=LIMIT_S) as answer:
        served = answer.read().decode()

    assert served.count("Reading the ") == 5
    assert not re.search("Nothing waits|no batch|No batch|Nobody|No source", served)


def test_what_is_left_of_a_hold_and_of_a_budget_are_the_biggest_words_of_it(page: Browser) -> None:
    left = page.wait_for(
        "document.querySelectorAll('.hold-left').length === 3 && [...document.querySelectorAll('.hold-left')].map((one) => one.innerText)"
    )
    sizes = page.evaluate(
        "[...document.querySelectorAll('#holds *')].map((one) => [one.className, parseFloat(getComputedStyle(one).fontSize)])"
    )

    assert isinstance(left, list)
    assert "16 h" in left[2]
    assert left[2].endswith("left")
    assert isinstance(sizes, list)
    biggest = max(size for _, size in sizes)
    assert {name for name, size in sizes if size == biggest} == {"hold-left"}
