"""Pushes dashboards into Grafana over its HTTP API.

Of grafana-api only requests on uid routes, `create_folder` and `update_dashboard` are used: its other calls raise on
an empty answer, or put names into addresses as they are.
"""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from grafana_api.grafana_api import GrafanaClientError, GrafanaServerError
from grafana_api.grafana_face import GrafanaFace

from dashboards.build import Json, folder_uid
from domain.errors import Refused, RetryLater

_TIMEOUT_S = 10.0


def push_dashboards(url: str, token: str, site: str, dashboards: Sequence[Json]) -> list[str]:
    """Write all into the site's folder, over what was pushed before; return the address of each.

    Refused if Grafana does not take one (with its reason), RetryLater if it is away. What was pushed before that stays.
    """
    grafana = _connect(url, token)
    folder = _folder(grafana, url, site)
    return [url.rstrip("/") + _push(grafana, url, folder, dashboard) for dashboard in dashboards]


def _connect(url: str, token: str) -> GrafanaFace:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused(f"{url!r} is no address of a Grafana (such as http://127.0.0.1:3000)")
    path = parts.path.strip("/")
    return GrafanaFace(
        token,
        host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
        port=parts.port,
        url_path_prefix=f"{path}/" if path else "",
        protocol=parts.scheme,
        timeout=_TIMEOUT_S,
    )


def _folder(grafana: GrafanaFace, url: str, site: str) -> str:
    """The uid of the site's folder, made if it is not there."""
    uid = folder_uid(site)
    try:
        _ask(url, lambda: grafana.api.GET(f"/folders/{uid}"))
    except _NotThere:
        _ask(url, lambda: grafana.folder.create_folder(f"Thermowell: {site}", uid))
    return uid


def _push(grafana: GrafanaFace, url: str, folder: str, dashboard: Json) -> str:
    """Push one; return its path."""
    body = {"dashboard": dashboard, "folderUid": folder, "overwrite": True, "message": "pushed by thermowell"}
    answer = _ask(f"{url}: {dashboard['title']}", lambda: grafana.dashboard.update_dashboard(body))
    return str(answer.get("url", ""))


class _NotThere(Refused):
    """Grafana answers 404."""


def _ask(what: str, request: Callable[[], object]) -> Json:
    """Grafana's answer, or our error that says whether to try again."""
    try:
        answer = request()
    except GrafanaClientError as error:
        kind = _NotThere if error.status_code == 404 else Refused
        raise kind(f"Grafana at {what} refuses: {error.status_code} {_reason(error.response)}") from error
    except GrafanaServerError as error:
        raise RetryLater(f"Grafana at {what} fails: {error.status_code} {_reason(error.response)}") from error
    except (TypeError, ValueError) as error:  # grafana-api trips over an answer that is not JSON
        raise Refused(f"what answers at {what} is no Grafana: {error}") from error
    except OSError as error:  # the base of everything that requests raises
        raise RetryLater(f"Grafana at {what} cannot be reached: {error}") from error
    if not isinstance(answer, dict):
        raise Refused(f"what answers at {what} is no Grafana")
    return answer


def _reason(response: object) -> str:
    return str(response.get("message", response)) if isinstance(response, dict) else str(response)
