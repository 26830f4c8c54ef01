"""The alarm list at three in the morning: thirty alarms, of which one matters; in a real browser."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.page.browser import PROGRAM, Browser, browsing
from tests.acceptance.page.plant import NAME, PASSWORD
from tests.acceptance.page.shift import MATTERS
from tests.patience import LIMIT_S

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium here: the page is not looked at")

READ = "document.querySelectorAll('.row').length >= 30 && document.getElementById('connection-text').textContent === 'live'"
ROW = f".row[data-id='{MATTERS}']"
STATE = "document.getElementById('horn').dataset.state"
SIGN_IN = "document.querySelector('dialog[aria-label=\"Sign in\"] form')"
PLAYED = "Number(document.getElementById('horn').dataset.played)"


class Shift:
    """A night shift in a process of its own, which does what it is told."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.page.shift"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def end(self) -> None:
        self.process.kill()
        self.process.wait(LIMIT_S)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture(scope="module")
def shift() -> Iterator[Shift]:
    shift = Shift()
    yield shift
    shift.end()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(shift: Shift, browser: Browser) -> Browser:
    browser.open(f"{shift.url}alarms", 1600, 1000)
    browser.wait_for(READ)
    return browser


def words(page: Browser, selector: str) -> str:
    return str(page.evaluate(f"document.querySelector({selector!r}).innerText"))


def test_the_one_that_matters_stands_first_and_nothing_complains(page: Browser) -> None:
    first = page.evaluate("document.querySelector('.row').dataset.id")

    assert first == MATTERS
    assert page.complaints == []


def test_what_was_put_away_has_lists_of_its_own_whose_counts_always_show(page: Browser) -> None:
    counts = "[...document.querySelectorAll('#lists [data-count]')].map((one) => one.textContent)"

    assert page.wait_for(counts) == ["30", "1", "0", "1"]
    assert words(page, "#put-away") == "1 shelved · 1 out of service"


def test_the_horn_says_that_it_is_mute_until_somebody_touches_the_page(page: Browser) -> None:
    page.wait_for(f"{STATE} === 'mute' && document.getElementById('horn').textContent === 'Tap to arm sound (9)'")

    page.click("#alarms-note")

    page.wait_for(f"{STATE} === 'sounding' && {PLAYED} > 0")
    assert page.evaluate("document.getElementById('horn').dataset.worst") == "1"


def test_silence_is_for_this_station_and_acknowledges_nothing(page: Browser) -> None:
    page.wait_for(f"{STATE} === 'sounding'")
    page.click("#horn")

    page.wait_for(f"{STATE} === 'silenced'")
    assert "30 not acknowledged" in words(page, "#alarms-note")


def test_it_sounds_again_for_what_becomes_worse_and_not_for_what_returns(shift: Shift, page: Browser) -> None:
    page.wait_for(f"{STATE} === 'silenced'")
    shift.tell("return R101.X0000~nor")
    page.wait_for("document.querySelector('[data-id=\"R101.X0000~nor\"] .row-state').textContent.startsWith('back')")
    returned = page.evaluate(STATE)
    shift.tell("worse R102.X0001~nor")

    page.wait_for(f"{STATE} === 'sounding' && document.getElementById('horn').textContent === 'Silence (1)'")
    page.click("#horn")
    assert returned == "silenced"


def test_of_two_tabs_one_sounds(page: Browser) -> None:
    told = """(async () => {
      const ask = (port, horn) => new Promise((done) => { port.onmessage = ({ data }) => done(data.data); port.postMessage({ horn }); });
      const open = () => new SharedWorker('/static/js/stream-worker.js', { name: 'two-tabs' }).port;
      const [one, other] = [open(), open()];
      const both = [await ask(one, true), await ask(other, true)];
      await ask(one, false);
      return [...both, await ask(other, true)];
    })()"""

    assert page.evaluate(told) == [True, False, True]


def test_each_priority_has_a_sound_of_its_own(page: Browser) -> None:
    rendered = """(async () => {
      const { PATTERNS, play } = await import('/static/js/horn.js');
      const sums = [];
      for (const name of ['1', '2', '3', '4', 'lost']) {
        const context = new OfflineAudioContext(1, 44100 * 1.5, 44100);
        play(context, PATTERNS[name]);
        const heard = (await context.startRendering()).getChannelData(0);
        let [energy, crossings] = [0, 0];
        for (let at = 1; at < heard.length; at += 1) {
          energy += heard[at] ** 2;
          crossings += heard[at - 1] < 0 && heard[at] >= 0;
        }
        sums.push([Math.round(energy), crossings]);
      }
      return sums;
    })()"""

    sounds = page.evaluate(rendered)

    assert isinstance(sounds, list)
    assert len({tuple(one) for one in sounds}) == 5
    assert min(energy for energy, _ in sounds) > 100


def test_by_keys_alone_an_alarm_is_opened_and_acknowledged(page: Browser) -> None:
    page.evaluate(f'document.querySelector("{ROW}").focus()')
    page.press("Enter")
    page.wait_for("document.getElementById('detail').innerText.includes('Open the emergency cooling by hand.')")
    page.press("a")
    page.wait_for("document.activeElement.name === 'comment'")
    page.type("Cooling opened by hand")
    page.press("Enter")
    page.wait_for(SIGN_IN)
    page.evaluate(
        f"(() => {{ const [name, word] = {SIGN_IN}.querySelectorAll('input'); name.value = {NAME!r}; word.value = {PASSWORD!r}; {SIGN_IN}.requestSubmit(); }})()"
    )

    page.wait_for(f"document.querySelector(\"{ROW} .row-state\").textContent === 'acknowledged by Ada'")
    assert "“Cooling opened by hand”" in words(page, "#detail")
    page.press("Escape")


def test_by_keys_alone_ten_are_chosen(page: Browser) -> None:
    page.wait_for("document.getElementById('detail').hidden && !document.querySelector('dialog')")
    page.evaluate("document.querySelectorAll('.row')[3].focus()")
    down = "new KeyboardEvent('keydown', { key: 'ArrowDown', shiftKey: true, bubbles: true })"
    for _ in range(9):
        page.evaluate(f"document.activeElement.dispatchEvent({down})")

    page.wait_for("document.querySelector('.doing-count').textContent === '10 chosen'")
    assert page.evaluate("document.querySelectorAll('.row[aria-selected=true]').length") == 10
    page.press("Escape")
    page.wait_for("document.getElementById('doing').hidden")


def test_many_are_acknowledged_with_one_comment_and_who_was_first_is_told(shift: Shift, page: Browser) -> None:
    page.wait_for("document.getElementById('detail').hidden && !document.querySelector('dialog')")
    for alarm in ("R101.X0012~nor", "R102.X0016~nor", "T201.X0008~nor"):
        page.evaluate(f"document.querySelector(\"[data-id='{alarm}'] .row-choose\").click()")
    page.press("a")
    page.wait_for("document.activeElement.name === 'comment'")
    shift.tell("first Grace T201.X0008~nor")
    page.type("Follow from the cooling")
    page.press("Enter")

    told = page.wait_for(
        "document.querySelector('.form-fault')?.textContent.includes('2 done, 1 not') && document.querySelector('dialog').innerText"
    )
    assert "Grace was first" in str(told)
    page.press("Escape")
    page.wait_for("!document.querySelector('dialog')")


def test_the_focus_stays_where_it_is_while_two_hundred_alarms_come(shift: Shift, page: Browser) -> None:
    page.evaluate(f'document.querySelector("{ROW}").focus()')
    before = page.evaluate("document.querySelectorAll('.row').length")
    shift.tell("burst 200")

    page.wait_for(f"document.querySelectorAll('.row').length === {before} + 200")
    assert page.evaluate("document.activeElement.dataset.id") == MATTERS


def test_a_filter_says_how_much_it_hides_and_stands_in_the_address(page: Browser) -> None:
    page.evaluate(
        "(() => { const unit = document.querySelector('[name=unit]'); unit.value = 'T201'; unit.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )

    page.wait_for("[...document.querySelectorAll('.row-unit')].every((one) => one.textContent === 'T201')")
    assert "hidden by the filter" in words(page, "#narrowed")
    assert page.evaluate("location.search") == "?unit=T201"
    page.evaluate("document.getElementById('filter').reset()")
    page.wait_for("document.getElementById('narrowed').hidden")


def test_history_is_read_page_by_page(page: Browser) -> None:
    page.click("[data-list=past]")
    page.wait_for(
        "document.querySelectorAll('#past-rows tr').length === 100 && !document.getElementById('past-more').hidden"
    )
    page.click("#past-more")

    page.wait_for("document.querySelectorAll('#past-rows tr').length === 200")
    page.click("[data-list=open]")


def test_a_core_that_is_away_is_told_and_loses_nothing(shift: Shift, page: Browser) -> None:
    shift.tell("core off")
    page.evaluate("document.querySelector(\"[data-id='R101.X0003~nor'] .row-choose\").click()")
    page.press("a")
    page.wait_for("document.activeElement.name === 'comment'")
    page.type("Seen")
    page.press("Enter")
    page.wait_for("document.querySelector('dialog').innerText.includes('the core has not applied it yet')")
    page.press("Escape")
    shift.tell("core on")

    page.wait_for("!document.querySelector('dialog')")


def test_words_of_the_plant_are_never_markup(shift: Shift, page: Browser) -> None:
    page.evaluate(
        """(async () => {
          const { Row } = await import('/static/js/alarm-rows.js');
          const row = new Row('x');
          row.show({ id: 'x', priority: 1, state: 'UNACK', unit: '<b>', message: '<img src=x onerror=alert(1)>', since_ms: 0, returned_ms: null }, 1);
          window.images = row.box.querySelectorAll('img, b').length;
        })()"""
    )

    assert page.wait_for("String(window.images)") == "0"


def test_on_a_phone_a_row_is_at_most_64_px_and_nothing_scrolls_sideways(shift: Shift, browser: Browser) -> None:
    browser.open(f"{shift.url}alarms", 390, 844, scale=2)
    browser.wait_for(READ)
    heights = browser.evaluate(
        "[...document.querySelectorAll('.row')].map((one) => one.getBoundingClientRect().height)"
    )
    wide = browser.evaluate("document.documentElement.scrollWidth")
    browser.click(ROW)
    thumb = browser.wait_for(
        "document.querySelector('.detail .press:not(.press-plain)')?.getBoundingClientRect().height"
    )

    assert isinstance(heights, list)
    assert 44 <= max(heights) <= 64
    assert wide == 390
    assert float(str(thumb)) >= 44
    assert browser.complaints == []


def test_what_could_not_be_read_is_never_called_none(shift: Shift, browser: Browser) -> None:
    browser.open(f"{shift.url}alarms", 1200, 800)
    browser.wait_for(READ)
    shift.end()

    browser.wait_for("document.getElementById('connection').className.includes('is-stale')")
    assert browser.evaluate(
        "document.querySelectorAll('.row').length >= 30 && document.getElementById('tally').className.includes('is-unsure')"
    )
