"""Asks a running bench over HTTP, with the standard library alone."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

USUAL_TIMEOUT_S: Final = 30.0
ADVANCE_TIMEOUT_S: Final = 600.0
"""An advance answers once the plant has run so far."""


class Refused(Exception):
    """The bench refused what was asked; `field` is what is wrong with it."""

    def __init__(self, status: int, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.status = status
        self.field = field


class Unreachable(Exception):
    """The bench does not answer."""


class Control:
    """The control interface at `url`; `ask` raises Refused or Unreachable."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, timeout_s: float = USUAL_TIMEOUT_S
    ) -> dict[str, Any]:
        """One request; `path` is below `/v1/`."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - the address is the bench's own, on the loopback
            f"{self.url}/v1/{path}", content, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310 - as above
                told: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise _refusal(error) from error
        except (OSError, ValueError) as error:
            raise Unreachable(f"the bench at {self.url} does not answer: {error}") from error
        return told


def quoted(name: str) -> str:
    """A name as one part of a path."""
    return urllib.parse.quote(name, safe="")


def _refusal(error: urllib.error.HTTPError) -> Refused:
    with error:
        text = error.read().decode(errors="replace")
    try:
        told = json.loads(text)["error"]
        return Refused(error.code, str(told["field"]), str(told["message"]))
    except (ValueError, KeyError, TypeError):
        return Refused(error.code, "", text or str(error))
