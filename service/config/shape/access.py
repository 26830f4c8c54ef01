"""Who comes in and how: the address of the page, its certificates, sessions, identity providers."""

from typing import Literal

from pydantic import Field

from service.config.shape.values import Duration, Section

RoleName = Literal["operator", "shift_lead", "process_engineer", "qa"]
LoginRoleName = Literal["viewer", "operator", "shift lead", "process engineer", "QA", "admin"]


class Tls(Section):
    """The certificate and key by which the page is served."""

    certificate_file: str  # PEM, with the authorities between after it
    key_file: str


class SessionText(Section):
    """How long people stay signed in."""

    idle: Duration = 15 * 60_000_000_000  # without use, before actions ask for the password
    lifetime: Duration = 12 * 3_600_000_000_000  # however much it is used


class Http(Section):
    """Where the page and the API listen, and how people reach them."""

    listen: str = "127.0.0.1:8087"
    tls: Tls | None = None
    url: str | None = None  # as people reach it; begins the links in notices
    prefix: str | None = None  # the path before ours behind a proxy; left out: that of `url`
    names: list[str] = []  # hosts that this service answers to, besides that of `url` and the loopback
    proxies: list[str] = []  # addresses and networks whose forwarded headers are believed
    hsts: Duration = 86_400_000_000_000
    reading: Literal["open", "people"] = "open"  # who may look: whoever reaches the port, or who signs in
    session: SessionText = SessionText()


class OidcRolesText(Section):
    """How the provider's groups become roles."""

    claim: str = Field(default="groups", min_length=1)  # by its name or its path, such as realm_access.roles
    map: dict[str, LoginRoleName] = Field(min_length=1)  # the first that somebody is in counts


class OidcText(Section):
    """An OpenID provider by which people sign in."""

    issuer: str
    client_id: str = Field(min_length=1)
    client_secret_file: str | None = None  # left out: a client without a secret
    ca_file: str | None = None  # left out: the system's authorities
    title: str = Field(default="the site's login", min_length=1, max_length=60)
    scopes: list[str] = ["openid", "profile"]
    name: str = Field(default="preferred_username", min_length=1)  # the claim that names an account, the first time
    full_name: str = Field(default="name", min_length=1)  # the claim that a signature would print
    roles: OidcRolesText
    fresh: bool = True  # people prove themselves at every login here


class LdapSearchText(Section):
    """How a person is found in a directory by their name."""

    account: str  # that may look
    password_file: str
    base: str  # below which people are
    among: dict[str, str] = {}  # what an entry has besides, such as objectClass: person


class LdapRolesText(Section):
    """How a directory's groups become roles."""

    member: str = "member"  # the attribute of a group that lists who is in it
    map: dict[str, LoginRoleName] = Field(min_length=1)  # the first that somebody is in counts


class LdapText(Section):
    """A directory (LDAP) whose people sign in here with their own passwords."""

    servers: list[str] = Field(min_length=1, max_length=5)  # the first that answers is asked
    starttls: bool = True  # of ldap://
    ca_file: str | None = None  # left out: the system's authorities
    title: str = Field(default="the site's directory", min_length=1, max_length=60)
    search: LdapSearchText | None = None  # either this
    template: str | None = None  # or this: uid={name},ou=people,dc=plant,dc=example
    name: str = "uid"  # the attribute that names an account the first time
    full_name: str = "cn"  # the attribute that a signature prints
    subject: str = "entryUUID"  # the attribute by which a person stays the same, whatever they are called
    roles: LdapRolesText


class LoginText(Section):
    """How people sign in besides by a password that is kept here."""

    oidc: OidcText | None = None
    ldap: LdapText | None = None
