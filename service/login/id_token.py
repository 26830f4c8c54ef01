"""What an ID token proves (OpenID Connect Core 1.0, 3.1.3.7), and whom it names."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import extract_compact
from joserfc.jwt import JWTClaimsRegistry

from domain.errors import Refused
from domain.identity import Identity, NotProven
from domain.people import proper_name
from domain.roles import Role
from service.login.provider import Provider, algorithms_of

TOLERANCE_S = 60
"""How far our clock and the provider's may be apart."""
OLDEST_S = 600
"""A token is made for the login that asked for it, and used at once."""
_LONGEST_TOKEN, _LONGEST_SUBJECT = 50_000, 255  # characters; a subject: OpenID Connect Core 1.0, 2

Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token has to say. `fresh_since_s`: the person proved themselves since then; None: whenever."""

    client: str
    nonce: str
    now_s: int
    fresh_since_s: int | None


@dataclass(frozen=True, slots=True)
class Naming:
    """Which claims name a person, print them, and give them a role: the first of `roles` that they have."""

    name: str
    full_name: str
    role_claim: str
    roles: Mapping[str, Role]


def claims_of(token: str, provider: Provider, expected: Expected) -> Claims:
    """The claims of a token that is signed by the provider, for us, now, in answer to us. NotProven, ProviderAway."""
    if len(token) > _LONGEST_TOKEN:
        raise NotProven("the ID token is too long")
    try:
        header = extract_compact(token.encode()).headers()
        key = provider.key(str(header.get("kid", "")))
        if key is None:
            raise NotProven("the ID token is signed with a key that the provider does not list")
        claims = jwt.decode(token, key, algorithms=algorithms_of(key)).claims
        _registry(provider.issuer, expected).validate(claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise NotProven(f"the ID token does not hold: {type(error).__name__}{_of_claim(error)}") from None
    _demand_ours(claims, expected)
    return claims


def _of_claim(error: Exception) -> str:
    claim = getattr(error, "claim", None)
    return f" of {claim}" if isinstance(claim, str) else ""


def _registry(issuer: str, expected: Expected) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(
        now=expected.now_s,
        leeway=TOLERANCE_S,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": expected.client},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )


def _demand_ours(claims: Claims, expected: Expected) -> None:
    nonce, audience, party = claims.get("nonce"), claims.get("aud"), claims.get("azp")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise NotProven("the ID token answers another login: its nonce is not ours")
    if party not in (None, expected.client) or (isinstance(audience, list) and len(audience) > 1 and party is None):
        raise NotProven("the ID token was made for another client: azp")
    if _seconds(claims, "iat") < expected.now_s - OLDEST_S - TOLERANCE_S:
        raise NotProven("the ID token is an old one: iat")
    since_s = expected.fresh_since_s
    if since_s is not None and _seconds(claims, "auth_time") < since_s - TOLERANCE_S:
        raise NotProven("the provider did not ask the person to prove themselves anew: auth_time")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise NotProven("the ID token names nobody: sub")


def _seconds(claims: Claims, name: str) -> float:
    told = claims.get(name)
    if isinstance(told, bool) or not isinstance(told, int | float):
        raise NotProven(f"the ID token does not say {name}")
    return told


def identity_of(claims: Claims, issuer: str, naming: Naming) -> Identity:
    """Whom claims name. NotProven where what is to be the name is none."""
    name, full_name = _found(claims, naming.name), _found(claims, naming.full_name)
    if not isinstance(name, str):
        raise NotProven(f"the ID token does not say {naming.name}, which is to be the name")
    try:
        proper_name(name)
        printed = proper_name(full_name) if isinstance(full_name, str) and full_name else ""
    except Refused:
        raise NotProven(f"{naming.name} or {naming.full_name} of the ID token is no name") from None
    return Identity(issuer, str(claims["sub"]), name, printed, _role(claims, naming))


def _role(claims: Claims, naming: Naming) -> Role | None:
    """The first role of the map, in the order in which it is written, whose group the person is in."""
    told = _found(claims, naming.role_claim)
    groups = (
        {told}
        if isinstance(told, str)
        else {one for one in told if isinstance(one, str)}
        if isinstance(told, list)
        else set()
    )
    return next((role for group, role in naming.roles.items() if group in groups), None)


def _found(claims: Claims, path: str) -> object:
    """A claim by its name, or one inside of others by its path (`realm_access.roles`)."""
    if path in claims:
        return claims[path]
    found: object = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def token_in(answer: Claims) -> str:
    """The ID token in the answer of a token endpoint; NotProven where there is none."""
    token = answer.get("id_token")
    if not isinstance(token, str):
        raise NotProven("the provider gave no ID token")
    return token
