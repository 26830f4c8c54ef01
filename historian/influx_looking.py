"""Looks at a mirror's InfluxDB for a person: whether it is there, knows the bucket, and lets the token write.

A request to write no lines at all is refused for the token, the organization or the bucket before it is refused for
having nothing to write; so it tells what the token may, and writes nothing.
"""

import time
from contextlib import closing
from dataclasses import dataclass

from influxdb_client.rest import ApiException
from influxdb_client.service.write_service import WriteService

from historian.influx import InfluxBucket, connect, not_asked
from historian.influx_setup import keeps_ns

_NOTHING_TO_WRITE = frozenset({400, 422})
_MAY_NOT = {
    401: "the token is not known there",
    403: "the token may not",
}


@dataclass(frozen=True, slots=True)
class BucketSeen:
    """What an InfluxDB said. `refusal` is empty where the token may write."""

    version: str
    refusal: str
    keeps_ns: int | None  # how long it keeps points, 0 for ever; None: the token may not see that
    took_s: float


def look_at_bucket(target: InfluxBucket) -> BucketSeen:
    """RetryLater: it cannot be reached."""
    begun_s = time.monotonic()
    with closing(connect(target)) as client:
        try:
            version = str(client.version())
            service = WriteService(client.api_client)  # type: ignore[no-untyped-call]  # the library has no types
            return BucketSeen(version, _refusal(service, target), keeps_ns(client, target), time.monotonic() - begun_s)
        except Exception as error:  # urllib3's errors, which are not this package's to import
            raise not_asked(target.url, error) from error


def _refusal(service: WriteService, target: InfluxBucket) -> str:
    try:
        service.post_write(org=target.org, bucket=target.bucket, body=b"", precision="ns")  # type: ignore[no-untyped-call]
    except ApiException as error:
        if error.status in _NOTHING_TO_WRITE:
            return ""
        return _MAY_NOT.get(error.status, f"it answers {error.status} {error.message}")
    return ""
