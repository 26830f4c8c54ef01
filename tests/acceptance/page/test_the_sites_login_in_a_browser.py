"""The login and the signature of somebody of the site's OpenID provider, in a real browser; the provider is another site."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from api.app import create_app
from api.serve import serve
from domain.people import Door, SessionRules
from domain.roles import Role
from historian.memory import MemoryStore
from records.database import SqlRecords
from records.desk import SqlPeople
from service.config.build import load
from service.login.asking import Asking
from service.login.fresh import FreshProofs
from service.login.id_token import Naming
from service.login.oidc import Client, OpenIdLogin
from service.ranges.desk import Ranges, Said
from service.signing import Signing, proof_by_password
from tests.acceptance.page.browser import PROGRAM, Browser, browsing
from tests.fakes import JournalInMemory
from tests.openid_provider import CLIENT, SECRET, openid_provider
from tests.patience import LIMIT_S
from tests.unit.api.conftest import a_world
from tests.unit.api.people import CHEAP, MAKER
from tests.unit.service.test_ranges_command import REQUIRED

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium here: the site's login is not tried in one")

LISE, WORDS = "subject-of-lise", "words that ada types"
PROVE = "dialog[aria-label='Prove that it is you']"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a service with a proposal of ranges, which Ada made."""
    at_s = [0]

    def later_each_time() -> int:
        at_s[0] = max(at_s[0] + 1, int(time.time()))
        return at_s[0]

    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "thermowell.yaml").write_text(REQUIRED, encoding="utf-8")
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://localhost:{listening.getsockname()[1]}"  # another site than the provider's 127.0.0.1
    with ExitStack() as stack:
        provider = stack.enter_context(openid_provider(later_each_time))
        records = stack.enter_context(SqlRecords.open(tmp_path / "records.db"))
        provider.people[LISE] = {"preferred_username": "lise", "name": "Lise Meitner", "groups": ["tw-qa"]}
        provider.at_the_desk = LISE
        naming = Naming("preferred_username", "name", "groups", {"tw-qa": Role.QA})
        us = Client(CLIENT, tmp_path / "secret", ("openid",), f"{url}/login/oidc", naming, "the site", fresh=True)
        people, proofs = SqlPeople(records._database, time.time_ns, CHEAP), FreshProofs()
        people.add("ada", "Ada", "process engineer", MAKER, "")
        people.give_password("ada", WORDS, MAKER)
        signing = Signing(records, proof_by_password(people, proofs), time.time_ns)
        ranges = Ranges(load(tmp_path / "thermowell.yaml"), records, signing, JournalInMemory(), MemoryStore())  # type: ignore[arg-type]
        ada = people.enter("ada", WORDS, Door("10.0.0.1"), SessionRules()).person
        ranges.propose("API-1", ada, Said(WORDS, "ranges of VR-12"), time.time_ns())
        world = a_world(
            people=people,
            provider=OpenIdLogin(us, provider.issuer, Asking()),
            proofs=proofs,
            ranges=ranges,
            settled=records.settled_requests,
        )
        stack.enter_context(Served(world.deps, listening))
        yield url


class Served:
    """Serves in a thread until the end of the block."""

    def __init__(self, deps, listening: socket.socket) -> None:
        self._deps, self._listening = deps, listening
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await serve(create_app(replace(self._deps)), "127.0.0.1", 0, sockets=[self._listening], stop=self._stop)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._ready.wait(LIMIT_S)

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(LIMIT_S)


def test_lise_signs_in_by_the_site_signs_a_review_and_signs_out(site: str, tmp_path: Path) -> None:
    with browsing(tmp_path / "profile") as page:
        page.open(f"{site}/ranges", 1200, 900)
        page.click("#who button")
        click_on(page, "dialog button", "Sign in by the site")
        page.wait_for(
            "location.pathname === '/ranges' && document.getElementById('who').innerText.includes('Lise Meitner')"
        )

        page.wait_for(
            "document.querySelector('[data-step=review]') && document.querySelector('[data-password]').hidden"
        )
        page.evaluate("document.querySelector('form:has([data-step=review]) [name=reason]').value = 'against VR-12'")
        page.click("[data-step=review]")
        page.wait_for(f"document.querySelector({PROVE!r}) !== null")
        look(page, tmp_path, "prove")
        page.click(f"{PROVE} button")
        page.wait_for("document.getElementById('ranges').innerText.includes('Lise Meitner (QA)')")
        look(page, tmp_path, "signed")

        click_on(page, "#who button", "Sign out")
        page.wait_for("document.getElementById('who').innerText.trim() === 'Sign in'")
        assert page.evaluate("fetch('/v1/session').then((one) => one.json()).then((one) => one.person)") is None
        assert not [one for one in page.complaints if "Uncaught" in one or "Content Security" in one]


def click_on(page: Browser, selector: str, words: str) -> None:
    page.wait_for(
        f"""(() => {{
          const found = [...document.querySelectorAll({selector!r})].find((one) => one.textContent === {words!r});
          if (found) found.id ||= 'to-be-clicked';
          return found?.id;
        }})()"""
    )
    page.click("#to-be-clicked")


def look(page: Browser, folder: Path, name: str) -> None:
    page.screenshot(folder / f"{name}.png")
