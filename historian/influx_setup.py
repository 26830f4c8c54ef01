"""Makes an InfluxDB ready for a mirror: the bucket, how long it keeps points, and its name for InfluxQL."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.bucket import Bucket
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.dbrp_create import DBRPCreate
from influxdb_client.domain.organization import Organization
from influxdb_client.domain.patch_bucket_request import PatchBucketRequest
from influxdb_client.rest import ApiException
from influxdb_client.service.buckets_service import BucketsService
from influxdb_client.service.dbr_ps_service import DBRPsService

from domain.errors import Refused, RetryLater
from historian.influx import InfluxBucket, connect, not_asked
from historian.influx_sums import cannot

POLICY = "autogen"
"""The retention policy by which InfluxQL knows the bucket."""

_LEAST_RETENTION_S = 3600
_SECOND_NS = 1_000_000_000


def prepare(target: InfluxBucket, retention_ns: int) -> list[str]:
    """Make what is missing and change what differs; return what was done, nothing if all was there.

    `retention_ns` 0 keeps points for ever. Refused, with InfluxDB's words, where the token may not do it.
    """
    retention_s = retention_ns // _SECOND_NS
    if 0 < retention_s < _LEAST_RETENTION_S:
        raise Refused("InfluxDB keeps points for an hour at least")
    with closing(connect(target)) as client, _answers(target):
        org = _organization(client, target.org)
        bucket, done = _bucket(client, target.bucket, org, retention_s)
        return done + _mapping(client, bucket, org)


def keeps_ns(client: InfluxDBClient, target: InfluxBucket) -> int | None:
    """How long the bucket keeps points, 0 for ever; None where the token may not see it."""
    try:
        bucket = _named(client, target.bucket, _organization(client, target.org))
    except (ApiException, Refused):
        return None
    return None if bucket is None else sum(rule.every_seconds for rule in bucket.retention_rules) * _SECOND_NS


def _organization(client: InfluxDBClient, name: str) -> Organization:
    found = client.organizations_api().find_organizations(org=name)  # type: ignore[no-untyped-call]
    if not found:
        raise Refused(f"no organization {name!r}, or the token may not see it")
    organization: Organization = found[0]
    return organization


def _bucket(client: InfluxDBClient, name: str, org: Organization, retention_s: int) -> tuple[Bucket, list[str]]:
    rules = [BucketRetentionRules(type="expire", every_seconds=retention_s)]  # type: ignore[no-untyped-call]
    found = _named(client, name, org)
    keeps = f"which keeps points for {retention_s} s" if retention_s else "which keeps points for ever"
    if found is None:
        bucket = client.buckets_api().create_bucket(bucket_name=name, org=org, retention_rules=rules)
        return bucket, [f"made bucket {name}, {keeps}"]
    if sum(rule.every_seconds for rule in found.retention_rules) == retention_s:
        return found, []
    change = PatchBucketRequest(retention_rules=rules)  # type: ignore[no-untyped-call]  # the library has no types
    BucketsService(client.api_client).patch_buckets_id(found.id, change)  # type: ignore[no-untyped-call]
    return found, [f"changed bucket {name}, {keeps} now"]


def _named(client: InfluxDBClient, name: str, org: Organization) -> Bucket | None:
    try:
        found = client.buckets_api().find_buckets(name=name, org_id=org.id).buckets  # type: ignore[no-untyped-call]
    except ApiException as error:
        if error.status == 404:  # how InfluxDB says that there is none of that name
            return None
        raise
    bucket: Bucket | None = found[0] if found else None
    return bucket


def _mapping(client: InfluxDBClient, bucket: Bucket, org: Organization) -> list[str]:
    """InfluxDB from 2.1 on answers for a bucket without one, until somebody maps the name to another bucket."""
    service = DBRPsService(client.api_client)  # type: ignore[no-untyped-call]  # the library has no types
    mappings = service.get_dbr_ps(org_id=org.id, db=bucket.name).content or []  # type: ignore[no-untyped-call]
    own = [each for each in mappings if not each.virtual]
    if any(each.bucket_id == bucket.id and each.retention_policy == POLICY and each.default for each in own):
        return []
    others = [each for each in own if each.bucket_id != bucket.id]
    if others:
        raise Refused(f"InfluxQL knows another bucket as database {bucket.name!r}: remove that mapping first")
    wanted = DBRPCreate(  # type: ignore[no-untyped-call]
        org_id=org.id, bucket_id=bucket.id, database=bucket.name, retention_policy=POLICY, default=True
    )
    service.post_dbrp(dbrp_create=wanted)  # type: ignore[no-untyped-call]
    return [f"made database {bucket.name} with policy {POLICY} for InfluxQL"]


@contextmanager
def _answers(target: InfluxBucket) -> Iterator[None]:
    try:
        yield
    except ApiException as error:
        raise cannot(target, error) from error
    except (Refused, RetryLater):
        raise
    except Exception as error:  # urllib3's errors, which are not this package's to import
        raise not_asked(target.url, error) from error
