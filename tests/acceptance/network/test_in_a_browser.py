"""The page through nginx, by HTTPS and under a prefix, in a real browser."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.network.conftest import Nginx
from tests.acceptance.network.plant import PREFIX
from tests.acceptance.page.browser import PROGRAM, Browser, browsing, signed_in
from tests.acceptance.page.plant import NAME, PASSWORD

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium here: the page is not looked at")

LIVE = "document.getElementById('connection-text').textContent === 'live'"

DRAWN = """(() => {
  const canvas = document.querySelector('[data-tag="R101.TT"] canvas');
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let dark = 0;
  for (let at = 0; at < pixels.length; at += 4) dark += pixels[at] < 90 && pixels[at + 2] < 110;
  return dark > 150;
})()"""


@pytest.fixture(scope="module")
def browser(nginx: Nginx, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    names = f"MAP {nginx.prefixed.name} 127.0.0.1"
    with browsing(
        tmp_path_factory.mktemp("profile"), f"--host-resolver-rules={names}", "--ignore-certificate-errors"
    ) as browser:
        yield browser


def test_the_page_lives_under_its_prefix_and_a_person_acts_on_it(nginx: Nginx, browser: Browser) -> None:
    """Scripts, stream, charts and links come by HTTPS under the prefix; an acknowledgement goes back the same way."""
    place = nginx.prefixed
    browser.open(f"https://{place.name}:{place.port}{PREFIX}/", 1600, 1000)
    browser.wait_for(f"{LIVE} && document.querySelectorAll('.alarm').length === 4")
    browser.wait_for(DRAWN)
    browser.evaluate("document.querySelector('.alarm button').click()")
    browser.evaluate("""(() => {
      const form = document.querySelector('form.answer');
      form.querySelector('input').value = 'seen through nginx';
      form.requestSubmit();
    })()""")
    browser.wait_for("document.querySelector('dialog[open] form')")
    browser.evaluate(signed_in(NAME, PASSWORD))
    browser.wait_for("document.body.innerText.includes('seen through nginx')")
    paths = browser.evaluate(
        "[...document.querySelectorAll('a[href], link[href], script[src]')].map((one) => new URL(one.href ?? one.src))"
        ".filter((url) => url.protocol === 'https:' && !url.hash).map((url) => url.pathname)"
    )
    if folder := os.environ.get("THERMOWELL_SCREENSHOTS"):
        browser.screenshot(Path(folder) / "nginx-page.png")
    browser.evaluate("document.querySelector('.alarm-message a').click()")
    browser.wait_for(f"location.pathname.startsWith('{PREFIX}/alarms/') && {LIVE}")
    if folder := os.environ.get("THERMOWELL_SCREENSHOTS"):
        browser.screenshot(Path(folder) / "nginx-alarm.png")

    assert isinstance(paths, list)
    assert len(paths) > 5
    assert [path for path in paths if not path.startswith(f"{PREFIX}/")] == []
    # The first is our own looking, the second how the page learns that a login is needed.
    expected = ("getImageData", "status of 401")
    assert [one for one in browser.complaints if not any(each in one for each in expected)] == []


def test_a_page_whose_events_are_held_back_says_so(nginx: Nginx, browser: Browser) -> None:
    """Never `connecting` without end: who looks at it hears what to look for."""
    browser.open(f"http://localhost:{nginx.holding.port}/recipes", 1200, 800)

    assert browser.wait_for("document.getElementById('connection-text').textContent.includes('a proxy')")
