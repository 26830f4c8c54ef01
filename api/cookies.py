"""The cookie of a session, and the word that proves that a write comes from our own page."""

import hashlib
import hmac
import re
from http.cookies import CookieError, SimpleCookie

from starlette.requests import Request
from starlette.responses import Response

from api.seen import Seen

CSRF_HEADER = "X-CSRF-Token"
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")  # 256 bits


def cookie_name(seen: Seen) -> str:
    """Browsers keep what `__Host-` and `__Secure-` promise; cookies of other ports would be mixed up without one."""
    port = re.search(r":(\d+)$", seen.host)
    name = f"thermowell-{port[1]}" if port else "thermowell"
    if seen.scheme != "https":
        return name
    return f"__Secure-{name}" if seen.prefix else f"__Host-{name}"


def session_secret(request: Request) -> str:
    """The session's secret that the browser sent; empty where it sent none, or what cannot be one."""
    return _cookie_named(request, cookie_name(request.scope["seen"]))


def _cookie_named(request: Request, name: str) -> str:
    try:
        cookies = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        return ""
    kept = cookies.get(name)
    return kept.value if kept is not None and _SECRET.fullmatch(kept.value) else ""


def give_cookie(request: Request, response: Response, secret: str) -> None:
    """Have the browser keep a session until it is closed; the service decides how long the session lasts."""
    response.headers.append("Set-Cookie", _cookie(request, secret))


def take_cookie(request: Request, response: Response) -> None:
    """Have the browser forget it."""
    response.headers.append("Set-Cookie", _cookie(request, "") + "; Max-Age=0")


def _cookie(request: Request, value: str) -> str:
    seen: Seen = request.scope["seen"]
    secure = "; Secure" if seen.scheme == "https" else ""
    return f"{cookie_name(seen)}={value}; Path={seen.prefix or '/'}; HttpOnly; SameSite=Strict{secure}"


def csrf_of(secret: str) -> str:
    """The word that belongs to a session: no other page can read it, and it follows from nothing that one can."""
    return hmac.new(secret.encode(), b"thermowell csrf", hashlib.sha256).hexdigest()


def has_csrf(request: Request, secret: str) -> bool:
    """Whether a request carries its session's word."""
    return hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_of(secret).encode())


def give_binding(request: Request, response: Response, secret: str) -> None:
    """Have the browser keep what ties a login at a provider to it, also on the way back from another site."""
    response.headers.append("Set-Cookie", f"{_binding(request)}={secret}; Max-Age=600{_binding_rules(request)}")


def kept_binding(request: Request) -> str:
    """What ties a login at a provider to this browser; empty where there is nothing."""
    return _cookie_named(request, _binding(request))


def take_binding(request: Request, response: Response) -> None:
    """Have the browser forget it."""
    response.headers.append("Set-Cookie", f"{_binding(request)}=; Max-Age=0{_binding_rules(request)}")


def _binding(request: Request) -> str:
    name = cookie_name(request.scope["seen"])
    return f"{name.replace('__Host-', '__Secure-')}-login"


def _binding_rules(request: Request) -> str:
    seen: Seen = request.scope["seen"]
    secure = "; Secure" if seen.scheme == "https" else ""
    return f"; Path={seen.prefix}/login/oidc; HttpOnly; SameSite=Lax{secure}"
