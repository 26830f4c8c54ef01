"""A headless Chromium, driven over its debugging pipe: enough to look at a page and to use it."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.patience import LIMIT_S

PROGRAM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)

_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--mute-audio", "--no-default-browser-check", "--remote-debugging-pipe",
)  # fmt: skip


class PageError(Exception):
    """A script failed in the page."""


class Browser:
    """One page in one browser. Every call waits at most `limit_s`."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._number = 0
        self._unread = b""
        self._session: str | None = None
        self._target: str | None = None
        self.complaints: list[str] = []

    def open(self, url: str, width: int, height: int, *, scale: float = 1.0) -> None:
        before, self._session = self._target, None
        self._target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        if before is not None:
            self._call("Target.closeTarget", targetId=before)
        self.complaints.clear()
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self.resize(width, height, scale=scale)
        self._call("Page.navigate", url=url)
        self.wait_for("location.href !== 'about:blank' && document.readyState === 'complete'")

    def resize(self, width: int, height: int, *, scale: float = 1.0) -> None:
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def evaluate(self, script: str) -> object:
        """The value of a script; a promise is awaited."""
        told = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise PageError(f"{script}: {told['exceptionDetails']['exception'].get('description')}")
        return told["result"].get("value")

    def wait_for(self, script: str, limit_s: float = LIMIT_S) -> object:
        """The value of a script, once it is true."""
        deadline = time.monotonic() + limit_s
        fault = ""
        while time.monotonic() < deadline:
            try:
                found = self.evaluate(script)
            except PageError as error:  # what it looks at is not there yet
                found, fault = None, str(error)
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(
            f"after {limit_s} s still not: {script} {fault}\n{self.evaluate('document.body.innerText')}"
        )

    def click(self, selector: str) -> None:
        """Press on the middle of an element as a hand does: browsers let a page sound only after that."""
        at = self.wait_for(
            f"""(() => {{
              const found = document.querySelector({json.dumps(selector)});
              found?.scrollIntoView({{ block: 'center' }});
              const box = found?.getBoundingClientRect();
              return box?.width ? [box.x + box.width / 2, box.y + box.height / 2] : null;
            }})()"""
        )
        assert isinstance(at, list)
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        text = key if len(key) == 1 else {"Enter": "\r"}.get(key, "")
        code = {"Enter": 13, "Escape": 27}.get(key, 0)  # dialogs close by the code alone
        for kind in ("keyDown", "keyUp"):
            told = text if kind == "keyDown" else ""
            self._call("Input.dispatchKeyEvent", type=kind, key=key, text=told, windowsVirtualKeyCode=code)

    def type(self, words: str) -> None:
        """Write words where the focus is."""
        self._call("Input.insertText", text=words)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        told = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(told["data"]))

    def _call(self, method: str, limit_s: float = LIMIT_S, **params: object) -> dict:
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + limit_s
        while True:
            told = self._next(deadline)
            if told.get("id") == self._number:
                if "error" in told:
                    # A script that the page left behind when it went on to another: waiting tries again.
                    kind = PageError if method == "Runtime.evaluate" else AssertionError
                    raise kind(f"{method}: {told['error']}")
                return told["result"]
            self._note(told)

    def _next(self, deadline: float) -> dict:
        while b"\0" not in self._unread:
            if not select.select([self._from], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            self._unread += os.read(self._from, 1 << 20)
        told, _, self._unread = self._unread.partition(b"\0")
        return json.loads(told)

    def _note(self, told: dict) -> None:
        params = told.get("params", {})
        if told.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif told.get("method") == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif told.get("method") == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.complaints.append(str([argument.get("value") for argument in params["args"]]))


@contextlib.contextmanager
def browsing(profile: Path, *flags: str) -> Iterator[Browser]:
    """Start a browser with a profile of its own; it is gone afterwards."""
    assert PROGRAM is not None
    (commands, to_browser), (from_browser, answers) = os.pipe(), os.pipe()

    def as_three_and_four() -> None:
        # Both are moved out of the way first: either may be 3 or 4 itself.
        high, higher = os.dup(commands), os.dup(answers)
        while high in (3, 4):
            high = os.dup(high)
        while higher in (3, 4):
            higher = os.dup(higher)
        os.dup2(high, 3)
        os.dup2(higher, 4)

    process = subprocess.Popen(
        [PROGRAM, *_QUIET, *flags, f"--user-data-dir={profile}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        close_fds=False,
        preexec_fn=as_three_and_four,  # noqa: PLW1509 - it only moves descriptors; the pipe has to be 3 and 4
        start_new_session=True,
    )
    os.close(commands)
    os.close(answers)
    try:
        yield Browser(to_browser, from_browser)
    finally:
        os.close(to_browser)
        os.close(from_browser)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait(LIMIT_S)


def signed_in(name: str, password: str) -> str:
    """Fills in the login that is open over the page."""
    return f"""(() => {{
      const form = document.querySelector('dialog form');
      const [name, password] = form.querySelectorAll('input');
      name.value = {name!r};
      password.value = {password!r};
      form.requestSubmit();
    }})()"""
