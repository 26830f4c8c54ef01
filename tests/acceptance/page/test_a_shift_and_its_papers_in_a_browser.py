"""Ranges are approved, a batch leaves them, the shift is handed over, and the batch is reviewed: in a real browser."""

from collections.abc import Iterator

import pytest

from tests.acceptance.page.browser import PROGRAM, Browser, browsing
from tests.acceptance.page.papers import BATCH, MANY, WORDS, Site, papers
from tests.acceptance.service.running import MOSQUITTO, until

pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium here: the pages are not looked at"),
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; nothing sends samples"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with papers(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


LIVE = "document.getElementById('connection-text').textContent === 'live'"


def fill(browser: Browser, form: str, button: str, **fields: str) -> None:
    """Write into a form and press one of its buttons."""
    browser.wait_for(f"!!document.querySelector({form!r})")
    for name, words in fields.items():
        browser.evaluate(f"document.querySelector({form!r}).elements.namedItem({name!r}).value = {words!r}")
    browser.evaluate(f"document.querySelector({form!r}).querySelector({button!r}).click()")


def says(browser: Browser, *words: str) -> None:
    """Wait until the page has these words, and its scripts have done what they do at its start."""
    has = f"{list(words)!r}.every((one) => document.querySelector('main').innerText.includes(one))"
    browser.wait_for(f"{LIVE} && {has}")


def state_of_the_change(site: Site) -> str:
    """As the core has answered, however long that takes; empty: nothing is proposed."""
    return "".join(each["state"] for each in site.service.get("/v1/ranges")["changes"])


def test_a_range_is_proposed_reviewed_and_approved_by_three_people(site: Site, browser: Browser) -> None:
    site.open(browser, "Pat", "ranges")
    fill(browser, "form[data-product='API-1']", "[type=submit]", reason="ranges of VR-12", secret=WORDS)
    until(lambda: state_of_the_change(site) == "waits for review")
    site.open(browser, "Quinn", "ranges")
    says(browser, "waits for review", "Pat (process engineer)")
    fill(browser, "[data-proposal] form", "[data-step=review]", reason="each limit against VR-12", secret=WORDS)
    until(lambda: state_of_the_change(site) == "waits for approval")
    site.open(browser, "Quinn", "ranges")
    says(browser, "waits for approval", "Quinn (QA)")
    own = browser.evaluate("document.querySelectorAll('[data-step=approve]').length")
    site.open(browser, "Ruth", "ranges")
    fill(browser, "[data-proposal] form", "[data-step=approve]", reason="compared with VR-12", secret="not my password")
    says(browser, "name or password is wrong")
    fill(browser, "[data-proposal] form", "[data-step=approve]", reason="compared with VR-12", secret=WORDS)
    until(lambda: not state_of_the_change(site).startswith("waits"))
    site.open(browser, "Ruth", "ranges")
    says(browser, "approved", "Ruth (QA)")

    site.open(browser, "Vera", "recipes")
    says(browser, "in force", "proposed by Pat, reviewed by Quinn, approved by Ruth")
    assert own == 0
    assert browser.complaints == []


def test_the_shift_is_handed_over_with_a_note_and_taken_over_by_name(site: Site, browser: Browser) -> None:
    site.now(batch=BATCH)  # first: a phase that begins without one is an alarm of its own
    site.now(step=20)
    until(lambda: site.service.get("/v1/batches")["batches"])
    site.now(tt=70)
    until(lambda: site.service.get("/v1/alarms")["alarms"])
    site.now(tt=60)
    until(lambda: "cleared" in [each["stage"] for each in site.service.get("/v1/findings")["findings"]])
    site.now(step=0, mode=9)
    until(lambda: site.service.get("/v1/alarms/suppressions")["suppressions"])
    until(lambda: all(each["end_ns"] for each in site.service.get("/v1/batches")["batches"]))

    site.open(browser, "Ada", "handover")
    says(
        browser,
        "above the validated",
        "repair: R101 is in state maintenance",
        "until its equipment is in another state",
    )
    fill(browser, "#note", "[type=submit]", comment="Jacket valve sticks: by hand <b>until noon</b>", unit="R101")
    says(browser, "Ada on R101", "<b>until noon</b>")
    site.open(browser, "Grace", "handover")
    fill(browser, "#take-over", "[type=submit]", comment="Told of the valve")
    says(browser, "Grace (shift lead) took over", "Told of the valve", "as it stands here")
    shown = browser.evaluate("document.querySelector('#handover .notes time').textContent")
    pointed = browser.evaluate("document.querySelector('#handover .notes time').title")

    assert "(Europe/Berlin)" in str(pointed)
    assert str(shown).replace(" ", "T") in str(pointed)
    assert browser.complaints == []


def test_a_batch_gets_its_disposition_and_is_reviewed_by_somebody_else(site: Site, browser: Browser) -> None:
    review = f"batches/{BATCH}/review"
    site.open(browser, "Ada", review)
    assert browser.evaluate("document.querySelector('#signing [type=submit]').disabled")
    browser.evaluate("document.getElementById('review-all').click()")
    given = browser.evaluate("document.querySelector('#disposition select').options[0].value")
    fill(browser, "#disposition", "[type=submit]", number="DEV-2026-0042", comment="jacket valve stuck")
    says(browser, f"{given} DEV-2026-0042", "jacket valve stuck", "Ada (shift lead)")
    site.open(browser, "Quinn", review)
    fill(browser, "#signing", "[type=submit]", reason="each excursion has its disposition", secret=WORDS)
    says(browser, "Quinn (QA), reviewed", "It is of this content.")
    read = f"(form) => fetch('/v1/batches/{BATCH}/report.' + form).then((told) => told.arrayBuffer())"
    text = "new TextDecoder('latin1').decode(told)"
    pdf, report = [str(browser.evaluate(f"({read})({form!r}).then((told) => {text})")) for form in ("pdf", "html")]
    browser.evaluate("document.querySelector('[data-form=pdf]').click()")
    says(browser, f"{BATCH}.pdf is written")

    assert pdf.startswith("%PDF-")
    assert "DEV-2026-0042" in report
    assert "jacket valve stuck" in report
    assert "Quinn" in report
    assert browser.complaints == []


def test_every_page_of_the_navigation_opens_on_a_phone_and_says_what_a_role_may_not(
    site: Site, browser: Browser
) -> None:
    site.open(browser, "Quinn", "")
    wrong: dict[str, object] = {}
    for path in ("", "alarms", "handover", "duty", "performance", "recipes", "ranges", "audit", "account"):
        browser.open(f"{site.url}{path}", 390, 844)
        browser.wait_for(LIVE)
        wide = browser.evaluate("document.documentElement.scrollWidth")
        if wide != 390 or browser.complaints:
            wrong[path] = [wide, *browser.complaints]
    browser.open(f"{site.url}people", 390, 844)
    says(browser, "Quinn has the role 'QA', which may not manage people")

    assert wrong == {}


def test_in_a_flood_the_list_says_what_came_first_and_is_grouped_by_it(site: Site, browser: Browser) -> None:
    first = f"{MANY[7]}~high"
    site.now(**{MANY[7]: 200})
    until(lambda: first in [each["id"] for each in site.service.get("/v1/alarms")["alarms"]])
    site.now(**dict.fromkeys(MANY, 200))
    until(lambda: site.service.get("/v1/alarms/flood")["positions"][0]["flood"])

    site.open(browser, "Grace", "alarms")
    banner = browser.wait_for("!document.getElementById('flood').hidden && document.getElementById('flood').innerText")
    browser.wait_for(f"document.querySelectorAll('.row').length >= {len(MANY)}")
    browser.evaluate("document.querySelector('#flood button').click()")
    browser.wait_for("!!document.querySelector('.row.is-first')")
    heads = "[...document.querySelectorAll('.row-group')]"
    head = f"{heads}.find((one) => one.innerText.includes('{MANY[7]} limit high came first'))"
    led = browser.wait_for(f"{head}?.nextElementSibling.dataset.id")

    assert "Flood since" in str(banner)
    assert f"{MANY[7]} limit high; {len(MANY) - 1} followed" in str(banner)
    assert led == first
    assert browser.complaints == []
