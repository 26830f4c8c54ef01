"""The dashboard of the service itself, from the figures that it tells Prometheus."""

from grafana_foundation_sdk.models import prometheus

from dashboards.board import Board, Plant
from dashboards.panels import ABNORMAL, GREY, WARNING, Step, number, rows, trend
from dashboards.queries import METRICS, source
from dashboards.uids import board_uid

_DAY_S = 86_400.0
_NEEDED: list[Step] = [(None, ABNORMAL), (1, GREY)]
_NONE: list[Step] = [(None, GREY), (1, ABNORMAL)]
_RECEIVED = "sum by (source) (rate(thermowell_samples_received_total[1m]))"
_COMMITS = "histogram_quantile(0.99, sum by (le) (rate(thermowell_journal_commit_seconds_bucket[5m])))"
_GAPS = "sum by (source, cause) (increase(thermowell_gaps_total[1h]))"


def service(plant: Plant) -> Board:
    """The whole way of a sample: sources, journal, record, judge, people, mirrors."""
    return Board(
        board_uid(plant.site, "service"),
        "Service",
        "From /metrics of the service, by a Prometheus that scrapes it. Its own alarms are ordinary alarms.",
        [
            number("Reports", _ask("min(thermowell_core_reporting)"), steps=_NEEDED, empty="no figures"),
            number("Ready", _ask("min(thermowell_ready)"), steps=_NEEDED, empty="no figures"),
            number("Troubles", _ask("sum(thermowell_service_troubles)"), steps=_NONE),
            number("Unaccounted samples", _ask("sum(thermowell_samples_unaccounted)"), steps=_NONE),
            number(
                "Journal full in",
                _ask("min(thermowell_journal_left_seconds)"),
                unit="s",
                steps=[(None, ABNORMAL), (_DAY_S / 3, WARNING), (_DAY_S, GREY)],
                empty="does not grow",
            ),
            number(
                "Oldest that waits",
                _ask("max(thermowell_buffer_oldest_seconds)"),
                unit="s",
                steps=[(None, GREY), (30, WARNING), (300, ABNORMAL)],
            ),
            trend("Samples received in a second", _ask(_RECEIVED, "{{source}}")),
            trend(
                "Lag of the sources",
                _ask("max by (source) (thermowell_source_lag_seconds)", "{{source}}"),
                unit="s",
            ),
            trend(
                "Journal commits, 99 of 100 within",
                _ask(_COMMITS, "99 of 100"),
                unit="s",
                size=(8, 8),
            ),
            trend(
                "Followers behind",
                _ask("max by (follower) (thermowell_follower_behind_seconds)", "{{follower}}"),
                unit="s",
                size=(8, 8),
            ),
            trend(
                "Mirrors behind",
                _ask("max by (mirror) (thermowell_mirror_behind_seconds)", "{{mirror}}"),
                unit="s",
                size=(8, 8),
            ),
            trend(
                "Oldest in each buffer",
                _ask("max by (buffer) (thermowell_buffer_oldest_seconds)", "{{buffer}}"),
                unit="s",
                size=(8, 8),
            ),
            trend("Notices that wait", _ask("sum by (channel)(thermowell_outbox_waiting)", "{{channel}}"), size=(8, 8)),
            trend(
                "Processor time",
                _ask("rate(thermowell_process_cpu_seconds_total[1m])", "{{process}}"),
                unit="percentunit",
                size=(8, 8),
            ),
            rows(
                "Sources",
                _ask("thermowell_source_connected", instant=True),
                size=(12, 7),
                hidden=["Time", "__name__", "job", "instance"],
                columns={"Value": {"displayName": "heard (1: yes)"}},
            ),
            trend("Gaps in an hour", _ask(_GAPS, "{{source}} {{cause}}")),
        ],
        refresh="30s",
    )


def _ask(expression: str, legend: str = "", *, instant: bool = False) -> prometheus.Dataquery:
    return prometheus.Dataquery(
        expr=expression,
        legend_format=legend or None,
        instant=instant,
        range_val=not instant,
        format_val=prometheus.PromQueryFormat.TABLE if instant else prometheus.PromQueryFormat.TIME_SERIES,
        ref_id="A",
        datasource=source("prometheus", METRICS),
    )
