"""What is kept: the service itself, the database, backups, secrets, certificates, mirrors."""

import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import orjson

from collector.opcua.looking import CertificateSeen, kept_certificates
from domain.errors import ThermowellError
from domain.time import format_time
from historian.influx_looking import look_at_bucket
from historian.influx_sums import ORGANIZATION, is_of_the_organization
from records.looking import look_at_records
from service.backup.contents import secret_files
from service.config.build import Configuration
from service.config.network import Pair
from service.doctor.row import Row, look, not_checked, ok, wrong
from service.files import Files
from service.gauges import read_report
from service.https import validity_of
from service.keeping import address_of
from service.mirroring import bucket_of

_DAYS_LOOK, _DAYS_WRONG = 60, 7
_BACKUP_DAYS = 7.0
_DAY_NS = 86_400_000_000_000


def service(configuration: Configuration) -> Iterator[Row]:
    """Whether it runs, and is well by its own account."""
    report = read_report(Files(configuration.data).run)
    if report is None:
        yield look("service", "it does not run, or does not report", "Start it, unless it is meant to be stopped.")
    elif report["healthy"]:
        yield ok("service", "it runs and is ready")
    else:
        yield wrong("service", f"it runs and is not ready: {report['why']}", "See what it says.")


def database(configuration: Configuration) -> Iterator[Row]:
    """Whether the records can be had, durably, and by this program."""
    address = address_of(configuration)
    try:
        seen = look_at_records(address)
    except ThermowellError as error:
        yield wrong(
            "database",
            str(error),
            "Start it, or mend `records`: while it is away nothing is judged and nobody is told.",
        )
        return
    holder = f"; {seen.holder}" if seen.holder else ""
    if seen.format is None:
        yield look("database", f"{address} is empty", "The service makes its tables at its first start.")
    elif seen.format > seen.known:
        yield wrong(
            "database", f"{address} has format {seen.format}", f"This program knows {seen.known}: use the newer one."
        )
    elif seen.format < seen.known:
        yield look(
            "database",
            f"{address} has format {seen.format}",
            f"The next start migrates it to {seen.known}: back up before.",
        )
    else:
        yield ok("database", f"{address}: format {seen.format}{holder}")


def backup(configuration: Configuration) -> Iterator[Row]:
    """How long ago the newest backup was."""
    advice = "thermowell backup --config FILE DIR, every day, onto another machine's disk."
    try:
        told = orjson.loads(Files(configuration.data).backed_up.read_bytes())
        moment_ns, folder = int(told["moment_ns"]), str(told["folder"])
    except FileNotFoundError:
        yield look("backup", "there was none", advice)
        return
    days = (time.time_ns() - moment_ns) / _DAY_NS
    seen = f"the newest is of {format_time(moment_ns)}, {days:.1f} days ago, in {folder}"
    yield look("backup", seen, advice) if days > _BACKUP_DAYS else ok("backup", seen)


def secrets(configuration: Configuration) -> Iterator[Row]:
    """Whether each file with a secret can be read by us, and by nobody else."""
    for name, path in secret_files(configuration):
        check = f"secret {name}"
        try:
            with path.open("rb"):
                mode = path.stat().st_mode
        except OSError as error:
            yield wrong(check, f"{path}: {error.strerror}", "Give the service's user the right to read it.")
            continue
        if mode & (stat.S_IRWXO | stat.S_IWGRP):
            who = "everybody" if mode & stat.S_IRWXO else "its group"
            yield wrong(check, f"{path} is open to {who} ({stat.filemode(mode)})", f"chmod 600 {path}")
        else:
            yield ok(check, f"{path} ({stat.filemode(mode)})")


def certificates(configuration: Configuration) -> Iterator[Row]:
    """How long our own certificates are good, and those that a person trusted."""
    if configuration.http.tls is not None:
        yield _page(configuration.http.tls)
    folder = Files(configuration.data).certificates
    found = [(f"own/{name}", seen) for name, seen in kept_certificates(folder / "own")]
    found += [(f"trusted/{name}", seen) for name, seen in kept_certificates(folder / "trusted")]
    for name, seen in found:
        yield days_left(f"certificate {name}", seen)


def days_left(check: str, certificate: CertificateSeen) -> Row:
    """A row on a certificate by the days that it is still good."""
    now = datetime.now(UTC)
    left = (certificate.valid_until - now).days
    seen = f"{certificate.subject}: until {certificate.valid_until:%Y-%m-%d}, {left} days"
    if certificate.valid_from > now:
        return wrong(
            check, f"{certificate.subject}: only from {certificate.valid_from:%Y-%m-%d} on", "Check both clocks."
        )
    if left < 0:
        return wrong(check, f"{seen}: it has run out", "Renew it, and have the other side trust the new one.")
    if left < _DAYS_WRONG:
        return wrong(check, seen, "Renew it now, and have the other side trust the new one.")
    return look(check, seen, "Plan its renewal.") if left < _DAYS_LOOK else ok(check, seen)


def _page(pair: Pair) -> Row:
    """The certificate by which the page is served; `check` refuses one that has run out."""
    check, now_s = "certificate of the page", time.time()
    validity = validity_of(pair)
    left = validity.days_left(now_s)
    seen = f"{pair.certificate}: {left:.0f} days"
    if left < 0:
        return wrong(check, f"{seen}: it has run out, browsers refuse it", "Renew it; a new file is taken at once.")
    return look(check, seen, "Renew it; a new file is taken at once.") if validity.is_short(now_s) else ok(check, seen)


def mirrors(configuration: Configuration) -> Iterator[Row]:
    """Whether each mirror can be reached, knows its bucket, and lets our token write."""
    for name, mirror in configuration.mirrors.items():
        check, target = f"mirror {name}", mirror.influxdb
        try:
            seen = look_at_bucket(bucket_of(configuration, target))
        except ThermowellError as error:
            yield look(check, str(error), "Nothing is lost; the record fills it when it is back.")
            continue
        if seen.refusal:
            advice = f"thermowell influx init, and a token that may write {target.bucket}"
            advice = ORGANIZATION if is_of_the_organization(seen.refusal) else advice
            yield wrong(check, f"{target.url} ({seen.version}): {seen.refusal}", advice)
        elif seen.keeps_ns is not None and seen.keeps_ns != target.retention:
            keeps = "for ever" if not seen.keeps_ns else f"{seen.keeps_ns / _DAY_NS:.1f} days"
            yield look(
                check,
                f"bucket {target.bucket} keeps points {keeps}; the configuration says otherwise",
                "thermowell influx init",
            )
        else:
            yield ok(
                check, f"{target.url} ({seen.version}): the token may write {target.bucket}; {seen.took_s * 1e3:.0f} ms"
            )
    if not configuration.mirrors:
        yield not_checked("mirrors", "there are none")
