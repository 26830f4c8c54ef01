"""A client of a running bench's control interface, with the standard library alone."""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Final, cast

Json = dict[str, object]

_USUAL_TIMEOUT_S: Final = 30.0
_ADVANCE_TIMEOUT_S: Final = 3600.0  # an advance answers once it is done


class ControlRefused(ValueError):
    """The bench refused what was asked; `field` is what is wrong, `status` HTTP's code."""

    def __init__(self, status: int, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.status = status
        self.field = field


class ControlUnreachable(ConnectionError):
    """Nobody answers at the address."""


class ControlClient:
    """Talks to the bench at `url` (`control` in its ready line). ControlRefused, ControlUnreachable."""

    def __init__(self, url: str, token: str = "") -> None:
        if not _is_address(url):
            raise ControlUnreachable(f"{url!r} is no address of a bench: it is like http://127.0.0.1:4850")
        self._url = url.rstrip("/")
        self._token = token

    def status(self) -> Json:
        """How the plant stands."""
        return self._ask("GET", "status")

    def catalogue(self) -> list[Json]:
        """Every kind of fault."""
        return cast("list[Json]", self._ask("GET", "catalogue")["kinds"])

    def labels(self) -> list[Json]:
        """What was really so up to now."""
        return cast("list[Json]", self._ask("GET", "truth")["labels"])

    def inject(self, fault: Mapping[str, object]) -> Json:
        """Break something; the answer has its id."""
        return self._ask("POST", "faults", fault)

    def clear(self, fault_id: str) -> Json:
        """Mend it."""
        return self._ask("DELETE", f"faults/{urllib.parse.quote(fault_id, safe='')}")

    def advance(self, by: str | float) -> Json:
        """Let the plant run ahead; returns once every value is published."""
        return self._ask("POST", "advance", {"by": by}, _ADVANCE_TIMEOUT_S)

    def pause(self) -> Json:
        """Stop the plant's clock."""
        return self._ask("POST", "pause")

    def resume(self) -> Json:
        """Let it go on."""
        return self._ask("POST", "resume")

    def set_speed(self, speed: float) -> Json:
        """Run at another speed."""
        return self._ask("POST", "speed", {"speed": speed})

    def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, timeout_s: float = _USUAL_TIMEOUT_S
    ) -> Json:
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            f"{self._url}/v1/{path}",
            None if body is None else json.dumps(body).encode(),
            {"content-type": "application/json", **({"authorization": f"Bearer {self._token}"} if self._token else {})},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310 - as above
                return cast("Json", json.load(answer))
        except urllib.error.HTTPError as error:
            raise _refusal(error) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ControlUnreachable(f"{self._url}: no bench answers there: {error}") from error


def _is_address(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, half an IPv6 address
        return False


def _refusal(error: urllib.error.HTTPError) -> ControlRefused:
    """What the bench said, or what HTTP did."""
    with error:
        content = error.read()
    try:
        told = json.loads(content)["error"]
        return ControlRefused(error.code, str(told["field"]), str(told["message"]))
    except (ValueError, KeyError, TypeError):
        return ControlRefused(error.code, "", f"HTTP {error.code}: {error.reason}")
