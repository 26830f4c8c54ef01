"""Alarms for an Alertmanager, in the format of its API v2: who has one already routes, groups and silences there.

What is active and not put away fires. It is sent again every minute, with an end four minutes ahead, as Prometheus
does: if this service dies, what it told ends by itself there. What returned is sent once more with its end.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence

from alarms.wording import Wording, title_of
from domain.alarms import Transition
from domain.errors import Refused
from domain.time import MINUTE_NS, SECOND_NS, format_time
from service.telling.posting import Address, post

_PATH = "/api/v2/alerts"
_AGAIN_NS = MINUTE_NS
_LIVES_NS = 4 * MINUTE_NS
_AT_ONCE = 500

Labels = tuple[tuple[str, str], ...]


class AlertmanagerDisplay:
    """A display of `service.telling.displays`."""

    name = "alertmanager"

    def __init__(
        self,
        url: str,
        wording: Wording,
        *,
        timeout_s: float = 10.0,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._address = Address(url.rstrip("/") + _PATH)
        self._wording = wording
        self._timeout_s = timeout_s
        self._wall_ns = wall_ns
        self._told: dict[Labels, tuple[Transition, int]] = {}  # what fires there, and since when it was last told
        try:
            self._address.connection(timeout_s)
        except Refused as error:
            raise Refused(f"alertmanager: {error}") from None

    def show(self, standing: Sequence[Transition]) -> None:
        """Tell what is new, what changed, what has ended, and again what was told a minute ago."""
        now_ns = self._wall_ns()
        firing = {labels_of(each, self._wording.site): each for each in standing if _fires(each)}
        ended = {labels: each for labels, (each, _) in self._told.items() if labels not in firing}
        due = {
            labels: each
            for labels, each in firing.items()
            if labels not in self._told
            or self._told[labels][0].id != each.id
            or now_ns - self._told[labels][1] >= _AGAIN_NS
        }
        alerts = [(labels, self._alert(labels, each, now_ns, now_ns)) for labels, each in ended.items()]
        alerts += [(labels, self._alert(labels, each, now_ns, now_ns + _LIVES_NS)) for labels, each in due.items()]
        for first in range(0, len(alerts), _AT_ONCE):
            chunk = alerts[first : first + _AT_ONCE]
            post(self._address, json.dumps([alert for _, alert in chunk]).encode(), {}, timeout_s=self._timeout_s)
            for labels, _ in chunk:
                if labels in firing:
                    self._told[labels] = firing[labels], now_ns
                else:
                    del self._told[labels]

    def close(self) -> None:
        """Nothing: what fires there ends by itself, or goes on when the service starts again."""

    def _alert(self, labels: Labels, alarm: Transition, now_ns: int, ends_ns: int) -> dict[str, object]:
        began_ns = alarm.at_ns if alarm.activated_ns is None else alarm.activated_ns
        page = self._wording.page_url.rstrip("/")
        texts = {
            "summary": title_of(alarm, self._wording),
            "description": alarm.message,
            "state": alarm.facts.state.value,
            "acknowledged": "yes" if alarm.facts.acknowledged else "no",
            "batch": alarm.batch,
            "phase": alarm.phase,
            "cause": alarm.cause,
            "consequence": alarm.consequence,
            "action": alarm.action,
            "transition": alarm.id,
        }
        alert: dict[str, object] = {
            "labels": dict(labels),
            "annotations": {name: text for name, text in texts.items() if text},
            # A simulated plant's clock may be ahead of the wall's, and nothing begins after its end.
            "startsAt": format_time(min(began_ns, now_ns) // SECOND_NS * SECOND_NS),
            "endsAt": format_time(ends_ns // SECOND_NS * SECOND_NS),
        }
        return alert | ({"generatorURL": f"{page}/alarms/{alarm.alarm}"} if page else {})


def _fires(alarm: Transition) -> bool:
    facts = alarm.facts
    return facts.active and facts.shelved_until_ns is None and not facts.suppressed and not facts.out_of_service


def labels_of(alarm: Transition, site: str) -> Labels:
    """What an alert is known by there: another severity is another alert, so it is not part of what may change."""
    labels: Mapping[str, str] = {
        "alertname": alarm.name or alarm.rule,
        "alarm": alarm.alarm,
        "rule": alarm.rule,
        "severity": alarm.priority.name.lower(),
        "site": site,
        "subject": alarm.subject,
        "unit": alarm.unit,
        "service": "thermowell",
    }
    return tuple(sorted((name, text) for name, text in labels.items() if text))
