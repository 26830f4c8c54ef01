"""Asks an identity provider for JSON: by HTTPS, without redirects, with limits on time and size.

What it answers may hold secrets: no error shows any of it.
"""

import base64
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, cast
from urllib.parse import quote_plus, urlencode, urlsplit

import orjson

from domain.identity import NotProven, ProviderAway

MOST_BYTES = 256_000
_AT_ONCE = 16_384
LOOPBACKS = frozenset({"127.0.0.1", "localhost", "::1"})


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A secret goes to the address that was meant, and nowhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow nothing."""
        del req, fp, code, msg, headers, newurl


def is_safe(url: str) -> bool:
    """Whether an address is one of HTTPS, or of HTTP on this machine, and carries no password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.username is None and bool(host) and (parts.scheme == "https" or _is_here(parts.scheme, host))


def _is_here(scheme: str, host: str) -> bool:
    return scheme == "http" and host in LOOPBACKS


@dataclass(frozen=True, slots=True)
class Asking:
    """How a provider is asked. `timeout_s` is for each wait, `deadline_s` for a whole answer."""

    ca_file: Path | None = None
    timeout_s: float = 5.0
    deadline_s: float = 10.0

    def get(self, url: str) -> Mapping[str, object]:
        """The JSON object at an address. ProviderAway."""
        return self._asked(urllib.request.Request(_checked(url), headers={"Accept": "application/json"}))  # noqa: S310  checked

    def post(self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None) -> Mapping[str, object]:
        """The JSON object that answers a form; `basic`: a name and its password (RFC 6749, 2.3.1). ProviderAway."""
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        if basic is not None:
            pair = ":".join(quote_plus(part) for part in basic)
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return self._asked(urllib.request.Request(_checked(url), urlencode(form).encode(), headers, method="POST"))  # noqa: S310  checked

    def _asked(self, request: urllib.request.Request) -> Mapping[str, object]:
        host = urlsplit(request.full_url).hostname
        try:
            with self._opener(request).open(request, timeout=self.timeout_s) as answer:
                told = orjson.loads(self._content(cast("HTTPResponse", answer)))
        except urllib.error.HTTPError as error:
            error.close()
            if request.data is not None and error.code == HTTPStatus.BAD_REQUEST:  # RFC 6749, 5.2: invalid_grant
                raise NotProven(f"the identity provider {host} takes neither the code nor our form: 400") from None
            raise ProviderAway(f"the identity provider {host} answered {error.code}") from None
        except (OSError, HTTPException, ValueError) as error:  # no JSON is a ValueError
            reason = getattr(error, "reason", error)
            raise ProviderAway(f"no usable answer from the identity provider {host}: {type(reason).__name__}") from None
        if not isinstance(told, dict):
            raise ProviderAway(f"the identity provider {host} answered no JSON object")
        return told

    def _opener(self, request: urllib.request.Request) -> urllib.request.OpenerDirector:
        if request.type != "https":  # on the loopback; reading every authority's certificate takes its time
            return urllib.request.build_opener(_NoRedirects)
        tls = ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))
        return urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=tls))

    def _content(self, answer: HTTPResponse) -> bytes:
        until_s = time.monotonic() + self.deadline_s
        content = b""
        while part := answer.read1(_AT_ONCE):
            content += part
            if len(content) > MOST_BYTES or time.monotonic() > until_s:
                raise ProviderAway("the identity provider sends too much, or for too long")
        return content


def _checked(url: str) -> str:
    if not is_safe(url):
        raise ProviderAway("an address of the identity provider is not one of HTTPS")
    return url
