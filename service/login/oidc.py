"""Signs people in by an OpenID provider: authorization code flow with PKCE, state and nonce.

A login that waits is known by its state, here in memory, for ten minutes and once; the browser that began it holds a
secret without which its state is worth nothing. So a web process that starts anew lets people begin again.
"""

import base64
import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from domain.identity import Begun, NotProven, Proven, ProviderAway, Returned, Wanted
from service.login.asking import Asking
from service.login.id_token import Claims, Expected, Naming, claims_of, identity_of, token_in
from service.login.provider import Places, Provider

log = logging.getLogger(__name__)

LASTS_S = 600.0
MOST_WAITING = 10_000
_LONGEST = 4000  # characters of a code


@dataclass(frozen=True, slots=True)
class Client:
    """Us, as the provider knows us. `fresh`: people prove themselves anew at every login."""

    id: str
    secret_file: Path | None
    scopes: tuple[str, ...]
    back: str  # where the browser comes back to: an address of ours
    naming: Naming
    title: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A login between its two ends."""

    since_s: float  # of the wall's clock
    binding_sha256: bytes = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    onward: str
    session: str = field(repr=False)
    wanted: Wanted | None


class OpenIdLogin:
    """`IdentityProvider` by OpenID Connect. `now_s` is the wall's clock."""

    def __init__(self, client: Client, issuer: str, asking: Asking, now_s: Callable[[], float] = time.time) -> None:
        self._client, self._asking, self._now_s = client, asking, now_s
        self._provider = Provider(issuer, asking, now_s)
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._proven_s: OrderedDict[str, float] = OrderedDict()  # when a subject proved themselves last

    @property
    def title(self) -> str:
        """What people call it."""
        return self._client.title

    def look(self) -> None:
        """Ask for all that a login needs before anybody signs in. ProviderAway says what hinders."""
        self._provider.key("")
        self._secret()

    def begin(self, onward: str, session: str, wanted: Wanted | None = None) -> Begun:
        """Begin a login, or a proof that is `wanted`: where the browser goes. ProviderAway."""
        places = self._provider.places()
        state, nonce, binding, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        waiting = _Waiting(self._now_s(), _sha256(binding), nonce, verifier, onward, session, wanted)
        with self._lock:
            self._waiting[state] = waiting
            while len(self._waiting) > MOST_WAITING:
                self._waiting.popitem(last=False)
        asked = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": self._client.back,
            "scope": " ".join(self._client.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(_sha256(verifier)).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        if self._client.fresh or wanted is not None:
            asked |= {"prompt": "login", "max_age": "0"}
        joint = "&" if "?" in places.authorization else "?"
        return Begun(f"{places.authorization}{joint}{urlencode(asked)}", binding)

    def finish(self, returned: Returned) -> Proven:
        """End a login, once: whoever comes again with the same state has none. NotProven, or ProviderAway."""
        waiting = self._taken(returned)
        if returned.error:
            raise NotProven(f"the provider let nobody in: {returned.error[:60]!a}")
        places = self._provider.places()
        # A browser may be sent back by another provider than the one it was sent to (RFC 9207).
        if (returned.issuer or places.names_itself) and returned.issuer != self._provider.issuer:
            raise NotProven("the answer is another issuer's")
        if not 0 < len(returned.code) <= _LONGEST:
            raise NotProven("the provider gave no code")
        is_fresh = self._client.fresh or waiting.wanted is not None
        since_s = int(waiting.since_s) if is_fresh else None
        expected = Expected(self._client.id, waiting.nonce, int(self._now_s()), since_s)
        token = token_in(self._exchanged(places, returned.code, waiting.verifier))
        claims = claims_of(token, self._provider, expected)
        identity = identity_of(claims, self._provider.issuer, self._client.naming)
        self._note_proof(identity.subject, claims, must_be_newer=waiting.wanted is not None)
        return Proven(identity, waiting.onward, waiting.session, waiting.wanted)

    def _note_proof(self, subject: str, claims: Claims, *, must_be_newer: bool) -> None:
        """Each proof for a deed is newer than what that person proved before: clocks apart let nothing pass twice."""
        at_s = claims.get("auth_time")
        if isinstance(at_s, bool) or not isinstance(at_s, int | float):
            return  # a login that does not ask for it; one that does has looked at it
        with self._lock:
            before_s = self._proven_s.pop(subject, None)
            self._proven_s[subject] = at_s if before_s is None else max(at_s, before_s)
            while len(self._proven_s) > MOST_WAITING:
                self._proven_s.popitem(last=False)
        if must_be_newer and before_s is not None and at_s <= before_s:
            raise NotProven("the provider did not ask the person to prove themselves anew: auth_time is the old one")

    def _taken(self, returned: Returned) -> _Waiting:
        """The login of that state, which is none from now on; NotProven where this browser did not begin it."""
        with self._lock:
            waiting = self._waiting.get(returned.state)
            is_own = waiting is not None and hmac.compare_digest(waiting.binding_sha256, _sha256(returned.binding))
            if waiting is None or not is_own:
                raise NotProven("this browser has begun no such login, or has ended it")
            del self._waiting[returned.state]
        if not 0 <= self._now_s() - waiting.since_s <= LASTS_S:
            raise NotProven("the login took longer than ten minutes")
        return waiting

    def _exchanged(self, places: Places, code: str, verifier: str) -> dict[str, object]:
        """What the provider gives for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._client.back,
            "code_verifier": verifier,
        }
        secret = self._secret()
        basic = (self._client.id, secret) if secret and places.basic else None
        if basic is None:
            form["client_id"] = self._client.id
            if secret:
                form["client_secret"] = secret
        return dict(self._asking.post(places.token, form, basic))

    def _secret(self) -> str:
        """Read anew at each login, so that it may be changed; ProviderAway where it cannot be read."""
        file = self._client.secret_file
        if file is None:
            return ""
        try:
            return file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ProviderAway("the file login.oidc.client_secret_file cannot be read") from None


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
