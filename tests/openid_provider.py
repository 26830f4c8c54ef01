"""A real OpenID provider on the loopback: discovery, keys that rotate, codes with PKCE, tokens signed with RSA."""

import base64
import functools
import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "thermowell", "a secret: of & the client"

Sign = Callable[[dict[str, Any]], str]


@functools.cache
def rsa_key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


@dataclass
class OpenIdProvider:
    """`people` are claims by subject; `sign` makes the token of claims, so that a test may make a bad one."""

    now_s: Callable[[], int]
    issuer: str = ""
    keys: list[RSAKey] = field(default_factory=lambda: [rsa_key("first")])
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)  # of the claims of tokens to come; None: left out
    sign: Sign | None = None
    at_the_desk: str = ""  # the subject that a browser comes back as
    is_away: bool = False
    documents: dict[str, Any] = field(default_factory=dict)  # what discovery says besides
    asked: list[str] = field(default_factory=list)
    codes: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)

    def approved(self, url: str, subject: str) -> dict[str, str]:
        """What the browser brings back once that person has signed in at the provider."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert (asked["client_id"], asked["code_challenge_method"]) == (CLIENT, "S256")
        code = f"code-{len(self.codes)}"
        self.codes[code] = (asked, subject)
        return {"state": asked["state"], "code": code}

    def answer(self, path: str) -> tuple[int, Mapping[str, Any]]:
        """What it says of itself."""
        self.asked.append(path)
        if self.is_away:
            return 503, {}
        if path == "/.well-known/openid-configuration":
            places = {"authorization_endpoint": "/go", "token_endpoint": "/token", "jwks_uri": "/keys"}
            told = {name: self.issuer + place for name, place in places.items()}
            return 200, {"issuer": self.issuer, **told, **self.documents}
        return 200, {"keys": [key.as_dict(private=False) for key in self.keys]}

    def exchanged(self, form: Mapping[str, str], authorization: str) -> tuple[int, Mapping[str, Any]]:
        """A token for a code, once, for who began."""
        self.asked.append("/token")
        if self.is_away:
            return 503, {}
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if parse_qs("x=" + pair.partition(":")[2])["x"] != [SECRET]:
            return 401, {"error": "invalid_client"}
        asked, subject = self.codes.pop(form["code"], ({}, ""))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if asked.get("code_challenge") != challenge.decode() or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now_s = self.now_s()
        claims = {"iss": self.issuer, "aud": CLIENT, "sub": subject, "iat": now_s, "exp": now_s + 300}
        claims |= {"nonce": asked["nonce"], "auth_time": now_s, **self.people.get(subject, {}), **self.changes}
        claims = {name: value for name, value in claims.items() if value is not None}
        return 200, {"token_type": "Bearer", "id_token": (self.sign or self.signed)(claims)}

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.keys[-1].kid}, claims, self.keys[-1], algorithms=["RS256"])


@contextmanager
def openid_provider(now_s: Callable[[], int]) -> Iterator[OpenIdProvider]:
    """Serve one until the end of the block."""
    provider = OpenIdProvider(now_s)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/go?"):  # whoever comes here is that person
                back = dict(parse_qsl(urlsplit(self.path).query))["redirect_uri"]
                self.send_response(302)
                self.send_header("Location", f"{back}?{query(provider.approved(self.path, provider.at_the_desk))}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._tell(*provider.answer(self.path))

        def do_POST(self) -> None:
            form = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            self._tell(*provider.exchanged(form, self.headers.get("Authorization", "")))

        def _tell(self, status: int, told: Mapping[str, Any]) -> None:
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    try:
        yield provider
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def query(returned: Mapping[str, str]) -> str:
    return urlencode(returned)
