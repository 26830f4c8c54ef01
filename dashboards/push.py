"""Pushes dashboards into Grafana over its HTTP API, for a Grafana whose files are not ours to write.

Of grafana-api only requests on uid routes, `create_folder` and `update_dashboard` are used: its other calls raise on
an empty answer, or put names into addresses as they are.
"""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from grafana_api.grafana_api import GrafanaClientError, GrafanaServerError
from grafana_api.grafana_face import GrafanaFace

from dashboards.queries import Json
from dashboards.uids import folder_uid
from domain.errors import Refused, RetryLater

_TIMEOUT_S = 10.0
_ITS_OWN = ("id", "version")


def push_dashboards(url: str, token: str, site: str, dashboards: Sequence[Json], sources: Sequence[str]) -> list[str]:
    """Write what differs into the site's folder, over what was pushed before; return the address of each that was.

    Looked at before anything is written: the data sources by their uids, and whether a dashboard is provisioned by
    files, for then a push would be undone. Refused if so, or if Grafana does not take one (with its reason);
    RetryLater if it is away. What was pushed before that stays.
    """
    grafana = _connect(url, token)
    for uid in sources:
        _look_for(grafana, url, uid)
    there = [_there(grafana, url, dashboard) for dashboard in dashboards]
    folder = _folder(grafana, url, site)
    told = zip(dashboards, there, strict=True)
    changed = [dashboard for dashboard, known in told if not _is_alike(dashboard, known, folder)]
    return [url.rstrip("/") + _push(grafana, url, folder, dashboard) for dashboard in changed]


def _look_for(grafana: GrafanaFace, url: str, uid: str) -> None:
    """Refused if there is no such data source; a token that may not look is no reason to stop."""
    try:
        _ask(url, lambda: grafana.api.GET(f"/datasources/uid/{uid}"))
    except _NotThere as error:
        reason = "`thermowell dashboards write` provisions it, docs/grafana.md tells how to make it by hand"
        raise Refused(f"Grafana at {url} has no data source with the uid {uid!r}: {reason}") from error
    except _Forbidden:
        return


def _there(grafana: GrafanaFace, url: str, dashboard: Json) -> Json | None:
    """What Grafana has under the dashboard's uid, if anything. Refused if it comes from files."""
    what = f"{url}: {dashboard['title']}"
    try:
        found = _ask(what, lambda: grafana.api.GET(f"/dashboards/uid/{dashboard['uid']}"))
    except _NotThere:
        return None
    meta = found.get("meta")
    if isinstance(meta, dict) and meta.get("provisioned"):
        file = meta.get("provisionedExternalId", "")
        raise Refused(
            f"Grafana at {what} is provisioned from files ({file}): write them anew with `thermowell dashboards "
            "write`, or take them away before you push"
        )
    return found


def _is_alike(dashboard: Json, known: Json | None, folder: str) -> bool:
    """Whether Grafana has just that, apart from the numbers that it gives itself."""
    if known is None:
        return False
    meta, has = known.get("meta"), known.get("dashboard")
    if not isinstance(meta, dict) or not isinstance(has, dict):
        return False
    return meta.get("folderUid") == folder and dashboard == {key: has[key] for key in has if key not in _ITS_OWN}


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


class _Forbidden(Refused):
    """Grafana answers 403."""


def _ask(what: str, request: Callable[[], object]) -> Json:
    """Grafana's answer, or our error that says whether to try again."""
    try:
        answer = request()
    except GrafanaClientError as error:
        kind = {403: _Forbidden, 404: _NotThere}.get(error.status_code, Refused)
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
