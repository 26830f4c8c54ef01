"""What the plant offers: brokers and OPC UA servers, each looked at with a session of its own."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from collector.mqtt.looking import BrokerSeen, look_at_broker
from collector.opcua.looking import ServerSeen, look_at_server, server_certificate
from collector.opcua.settings import OpcUaSettings
from domain.errors import ThermowellError
from historian.journal.reader import ReadOnlyJournal
from service.config.build import Configuration
from service.config.shape.sources import Mqtt
from service.doctor.keeping import days_left
from service.doctor.row import Row, look, not_checked, ok, wrong
from service.files import Files
from service.sources import mqtt_settings, opcua_settings

_SKEW_LOOK_NS, _SKEW_WRONG_NS = 1_000_000_000, 60_000_000_000
_EXPIRY_LEAST_S = 3600
_STEP_S = 5.0


def broker(configuration: Configuration, name: str) -> Iterator[Row]:
    """What a broker grants: a session that lasts, our topics, and whether it has dropped messages."""
    section = configuration.sources[name].mqtt
    assert section is not None
    settings = mqtt_settings(configuration, name, section)
    check = f"broker {name}"
    try:
        seen = look_at_broker(replace(settings, client_id=f"{settings.client_id}-doctor"))
    except (ThermowellError, OSError) as error:
        yield wrong(check, str(error), "Start it, or mend its `url`: no samples come as long as it is away.")
        return
    yield ok(check, f"{settings.address}: {seen.version or 'does not tell its version'}, MQTT {settings.protocol}")
    yield from _session(check, seen, section)
    yield from _queue(check, seen, section)
    yield _topics(f"{check} topics", seen, settings.topics, _received(configuration, name))


def _topics(check: str, seen: BrokerSeen, topics: Sequence[str], received: int) -> Row:
    """Some brokers refuse a filter; mosquitto grants what its access list then does not deliver."""
    granted = f"granted: {', '.join(topics)}"
    if seen.refused:
        return wrong(check, "; ".join(seen.refused), "Let this user read them (the broker's access list).")
    if received:
        return ok(check, f"{granted}; {received} samples have come")
    if (seen.version or "mosquitto").startswith("mosquitto"):
        advice = "mosquitto grants also what its access list does not let through: see with thermowell try."
        return not_checked(check, f"{granted}; no sample has come yet", advice)
    return ok(check, granted)


def _received(configuration: Configuration, name: str) -> int:
    """How many samples of a source are in the journal's books."""
    try:
        with closing(ReadOnlyJournal(Files(configuration.data).journal)) as journal:
            return sum(line.received for line in journal.ledger() if line.source == name)
    except ThermowellError:
        return 0


def _session(check: str, seen: BrokerSeen, section: Mqtt) -> Iterator[Row]:
    if seen.expiry_s is None:
        yield not_checked(
            f"{check} session", "MQTT 3.1.1 does not tell how long a session is kept", "Ask the broker's settings."
        )
    elif seen.expiry_s < min(_EXPIRY_LEAST_S, section.session_expiry / 1e9):
        advice = "Allow longer sessions: what comes while this service is away longer than that is lost."
        yield wrong(f"{check} session", f"it is kept for {seen.expiry_s} s only", advice)
    elif seen.expiry_s < section.session_expiry // 10**9:
        yield look(
            f"{check} session", f"it is kept for {seen.expiry_s} s, less than session_expiry", "Allow longer sessions."
        )
    else:
        yield ok(f"{check} session", f"kept for {seen.expiry_s} s while this service is away")
    if not seen.most_qos:
        yield wrong(
            f"{check} quality", "it offers QoS 0 only", "Allow QoS 1: nothing is kept for an absent client else."
        )


def _queue(check: str, seen: BrokerSeen, section: Mqtt) -> Iterator[Row]:
    """No broker tells how many messages it keeps; what it has dropped some do tell."""
    told = f"this service counts on {section.broker_queue} messages kept while it is away (broker_queue)"
    advice = "Compare with the broker's own limit (mosquitto: max_queued_messages, 1000), and raise both together."
    if seen.dropped is None:
        yield not_checked(f"{check} queue", f"it does not tell; {told}", advice)
    elif seen.dropped:
        yield look(f"{check} queue", f"it has dropped {seen.dropped} messages since it started; {told}", advice)
    else:
        yield ok(f"{check} queue", f"it has dropped none since it started; {told}")


def server(configuration: Configuration, name: str) -> Iterator[Row]:
    """What an OPC UA server grants: its clock, its limits, the interval, its certificate."""
    section = configuration.sources[name].opcua
    assert section is not None
    settings = replace(opcua_settings(configuration, name, section), step_s=_STEP_S)
    tags = sum(tag.source == name for tag in configuration.tags)
    yield from _certificate(name, settings)
    check = f"server {name}"
    try:
        seen = asyncio.run(look_at_server(settings))
    except (ThermowellError, OSError) as error:
        yield wrong(check, str(error), "Start it, or mend its `url`: no samples come as long as it is so.")
        return
    yield ok(check, f"{settings.url}: answers")
    yield _skew(f"{check} clock", seen)
    yield _interval(f"{check} interval", seen, settings)
    yield _limits(f"{check} limits", seen, tags)


def _certificate(name: str, settings: OpcUaSettings) -> Iterator[Row]:
    check = f"server {name} certificate"
    try:
        shown = asyncio.run(asyncio.wait_for(server_certificate(settings), 2 * _STEP_S))
    except Exception as error:  # noqa: BLE001  asyncua raises a dozen kinds; the next row says whether it answers at all
        yield not_checked(check, str(error) or type(error).__name__)
        return
    if shown is not None:
        yield days_left(check, shown)


def _skew(check: str, seen: ServerSeen) -> Row:
    if seen.skew_ns is None:
        return not_checked(check, "the server does not tell its time")
    off_s = seen.skew_ns / 1e9
    told = f"{abs(off_s):.3f} s {'ahead of' if off_s > 0 else 'behind'} ours"
    if abs(seen.skew_ns) > _SKEW_WRONG_NS:
        return wrong(check, told, "Set both clocks by one time service: ends of holds are off by as much.")
    if abs(seen.skew_ns) > _SKEW_LOOK_NS:
        return look(check, told, "Set both clocks by one time service.")
    return ok(check, told)


def _interval(check: str, seen: ServerSeen, settings: OpcUaSettings) -> Row:
    wanted_ms = settings.publishing_interval_ns / 1e6
    kept_s = seen.lifetime_ms / 1000
    told = f"publishes every {seen.publishing_ms:g} ms (asked for {wanted_ms:g}), keeps a subscription {kept_s:g} s"
    if seen.publishing_ms > 2 * wanted_ms:
        return look(check, told, "Alarms come later by as much; ask its administrator, or for longer intervals.")
    if seen.lifetime_ms < settings.lifetime_s * 1000 / 2:
        return look(check, told, "Shorter outages than `lifetime` lose samples; allow longer lifetimes.")
    return ok(check, told)


def _limits(check: str, seen: ServerSeen, tags: int) -> Row:
    told = ", ".join(f"{name} {limit}" for name, limit in seen.limits.items()) or "it tells none"
    short = [
        name for name in ("MaxMonitoredItems", "MaxMonitoredItemsPerSubscription") if tags > seen.limits.get(name, tags)
    ]
    if short:
        return wrong(
            check, f"{told}; the configuration has {tags} tags here", f"Raise {' and '.join(short)} at the server."
        )
    return ok(check, f"{told}; {tags} tags")
