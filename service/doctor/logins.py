"""The systems by which people sign in besides: whether they answer, as a login needs it."""

from collections.abc import Iterator

from domain.identity import ProviderAway
from service.config.build import Configuration
from service.doctor.row import Row, ok, wrong

_MEANWHILE = "Passwords that are kept here go on; who has none cannot sign in, and signs nothing."


def openid(configuration: Configuration) -> Iterator[Row]:
    """The OpenID provider: its addresses, its keys, our secret."""
    if configuration.openid is None:
        return
    try:
        configuration.openid.provider().look()
    except ProviderAway as away:
        yield wrong("identity provider", str(away), f"See `login.oidc`. {_MEANWHILE}")
    else:
        yield ok("identity provider", f"{configuration.openid.issuer} tells its addresses and keys")


def directory(configuration: Configuration) -> Iterator[Row]:
    """Each server of the directory: TLS, our account, where people and groups are."""
    if configuration.ldap is None:
        return
    from service.login.ldap import Directory  # noqa: PLC0415  most sites have none

    seen = (
        "answers" if configuration.ldap.finding is None else "answers, takes our account, and shows people and groups"
    )
    for server, fault in Directory(configuration.ldap).looked_at():
        if fault:
            yield wrong(f"directory {server}", fault, f"See `login.ldap`. {_MEANWHILE}")
        else:
            yield ok(f"directory {server}", seen)
