"""What an OpenID provider says of itself: its addresses and its keys, kept for a while and asked for anew."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from domain.identity import ProviderAway
from service.login.asking import Asking, is_safe

KEPT_S = 600.0
"""For how long addresses and keys are believed: a key that the provider takes back is out of use after that."""
ASKED_AGAIN_S = 5.0
"""The least time between two looks for a key that is not there: made-up key names cannot flood the provider."""
_MOST_KEYS = 100
_LEAST_RSA_BITS = 2048

PublicKey = RSAKey | ECKey | OKPKey


@dataclass(frozen=True, slots=True)
class Places:
    """Addresses of a provider (OpenID Connect Discovery 1.0, 3)."""

    authorization: str
    token: str
    keys: str
    basic: bool  # whether it takes our secret in the header, else in the form
    names_itself: bool  # whether what comes back names the issuer (RFC 9207)


class Provider:
    """One issuer. Calls block; they may come from several threads."""

    def __init__(self, issuer: str, asking: Asking, now_s: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._asking, self._now_s = asking, now_s
        self._lock = threading.Lock()
        self._places: tuple[float, Places] | None = None
        self._keys: tuple[float, Mapping[str, PublicKey]] | None = None

    def places(self) -> Places:
        """Its addresses. ProviderAway."""
        with self._lock:
            if self._places is None or self._now_s() - self._places[0] > KEPT_S:
                self._places = (self._now_s(), self._asked_places())
            return self._places[1]

    def key(self, name: str) -> PublicKey | None:
        """The key of that name, or the only one where none is named; None where there is none. ProviderAway."""
        keys_at = self.places().keys
        with self._lock:
            found = self._found(name) if self._is_younger(KEPT_S) else None
            if found is None and not self._is_younger(ASKED_AGAIN_S):
                self._keys = (self._now_s(), usable_keys(self._asking.get(keys_at)))
                found = self._found(name)
            return found

    def _is_younger(self, seconds: float) -> bool:
        return self._keys is not None and self._now_s() - self._keys[0] <= seconds

    def _found(self, name: str) -> PublicKey | None:
        keys = {} if self._keys is None else self._keys[1]
        if not name and len(keys) == 1:
            return next(iter(keys.values()))
        return keys.get(name)

    def _asked_places(self) -> Places:
        told = self._asking.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if told.get("issuer") != self.issuer:
            raise ProviderAway(f"the provider at {self.issuer} says that it is another issuer")
        named = [told.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        places = [place for place in named if isinstance(place, str) and is_safe(place)]
        if len(places) != len(named):
            raise ProviderAway(f"the provider {self.issuer} does not tell its addresses, each by HTTPS")
        methods = told.get("token_endpoint_auth_methods_supported")
        basic = not isinstance(methods, list) or "client_secret_basic" in methods
        names_itself = told.get("authorization_response_iss_parameter_supported") is True
        return Places(places[0], places[1], places[2], basic=basic, names_itself=names_itself)


def usable_keys(told: Mapping[str, object]) -> Mapping[str, PublicKey]:
    """Public keys for signatures by their names (RFC 7517, 5); what we do not know is passed over.

    A symmetric key is none: whoever reads this public list could sign with it.
    """
    listed = told.get("keys")
    found: dict[str, PublicKey] = {}
    for one in listed[:_MOST_KEYS] if isinstance(listed, list) else ():
        key = _usable(one) if isinstance(one, dict) else None
        if key is not None:
            found.setdefault(str(one.get("kid", "")), key)
    return found


def _usable(told: dict[str, str | list[str]]) -> PublicKey | None:
    if told.get("kty") not in ("RSA", "EC", "OKP") or told.get("use", "sig") != "sig":
        return None
    try:
        key = import_key(told)
    except (JoseError, ValueError, TypeError):
        return None
    if isinstance(key, RSAKey):
        return key if key.public_key.key_size >= _LEAST_RSA_BITS else None
    return key if isinstance(key, ECKey | OKPKey) else None


def algorithms_of(key: PublicKey) -> Sequence[str]:
    """By which algorithms a key may have signed: its own where it says one, never one with a shared secret."""
    known: Sequence[str] = ("Ed25519", "EdDSA")
    if isinstance(key, RSAKey):
        known = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
    elif isinstance(key, ECKey):
        known = ("ES256", "ES384", "ES512")
    own = key.get("alg")
    return [name for name in known if own is None or name == own]
