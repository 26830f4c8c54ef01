"""The link by which the first administrator is made: told where the service is started, and nowhere kept."""

import logging
import sys

from domain.errors import ThermowellError
from records.desk import SqlPeople
from service.config.network import Network

log = logging.getLogger(__name__)


def link_to(http: Network, page: str, secret: str) -> str:
    """A one-time link as a person opens it; what follows the `#` no browser sends and no proxy logs."""
    return f"{http.page_url or http.own_url}/{page}#{secret}"


def tell_first_link(http: Network, people: SqlPeople) -> None:
    """Print a new link, good for an hour, while no administrator can sign in; one printed before is not good any more.

    It goes to the standard output and not to the log, which may be sent on and kept.
    """
    try:
        secret = people.first_link()
    except ThermowellError as error:
        log.warning("nobody can be told how to make the first administrator: %s", error)
        return
    if secret is not None:
        link = link_to(http, "set-up", secret)
        sys.stdout.write(f"\n  Nobody can sign in as an administrator yet. Within an hour, once:\n\n      {link}\n\n")
        sys.stdout.flush()
