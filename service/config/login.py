"""The section `login`: other systems by which people sign in, checked and built."""

from dataclasses import dataclass
from pathlib import Path

from domain.errors import Complaint
from domain.roles import role_named
from service.config.document import Document
from service.config.shape.access import OidcText
from service.login.asking import Asking, is_safe
from service.login.id_token import Naming
from service.login.oidc import Client, OpenIdLogin

_PLACE = ("login", "oidc")


@dataclass(frozen=True, slots=True)
class OpenId:
    """An OpenID provider and us as its client."""

    issuer: str
    client: Client
    ca_file: Path | None

    def provider(self) -> OpenIdLogin:
        """What signs people in by it."""
        return OpenIdLogin(self.client, self.issuer, Asking(self.ca_file))


def openid_of(document: Document, told: OidcText, page_url: str, path: Path, complaints: list[Complaint]) -> OpenId:
    """The provider that is told; complains of what would let people in unsafely, or nobody at all."""

    def complain(key: str, message: str) -> None:
        complaints.append(document.complain((*_PLACE, key), message))

    if not is_safe(told.issuer) or "?" in told.issuer or "#" in told.issuer:
        complain("issuer", "is no address such as https://login.example/realms/plant, by HTTPS beyond this machine")
    if "openid" not in told.scopes or any(not scope.isascii() or " " in scope or not scope for scope in told.scopes):
        complain("scopes", "are words without blanks, with `openid` among them")
    if not page_url or not is_safe(page_url):
        complain("issuer", "needs `http.url`, by HTTPS beyond this machine: the address where people come back to")
    files = {key: getattr(told, key) for key in ("client_secret_file", "ca_file")}
    found = {key: (path.parent / name).resolve() for key, name in files.items() if name is not None}
    for key, file in found.items():
        if not file.is_file():
            complain(key, f"no file {files[key]!r}")
    client = Client(
        told.client_id,
        found.get("client_secret_file"),
        tuple(dict.fromkeys(told.scopes)),
        f"{page_url}/login/oidc",
        Naming(
            told.name,
            told.full_name,
            told.roles.claim,
            {group: role_named(role) for group, role in told.roles.map.items()},
        ),
        told.title,
        told.fresh,
    )
    return OpenId(told.issuer, client, found.get("ca_file"))
