"""What is kept and where, and what the service says of itself."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from service.config.shape.values import Duration, Section, host


class AuditText(Section):
    """Where the audit trail's head is kept besides: files and addresses."""

    heads: tuple[str, ...] = Field(default=(), max_length=8)


class PostgreSql(Section):
    """A database of a PostgreSQL server."""

    host: Annotated[str, AfterValidator(host)]  # or the folder of its Unix socket
    port: int = Field(default=5432, ge=1, le=65535)
    database: str = Field(default="thermowell", min_length=1)
    user: str = Field(default="thermowell", min_length=1)
    password_file: str | None = None
    tls: Literal["off", "require", "verify-ca", "verify-full"] | None = None
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("needs both of `certificate_file` and `key_file`, or none of them")
        return self


class RecordsText(Section):
    """Where the records lie: without anything, in a file of the data folder."""

    postgresql: PostgreSql | None = None


class LogText(Section):
    """How the service's log lines look."""

    format: Literal["text", "json"] = "text"


class DeadmanText(Section):
    """Where a sign of life goes while the whole way works."""

    url: str | None = Field(default=None, pattern=r"^https?://[^/@\s]+(/\S*)?$")
    url_file: str | None = None
    file: str | None = None
    every: Duration = 60_000_000_000

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(each is not None for each in (self.url, self.url_file, self.file)) != 1:
            raise ValueError("needs exactly one of `url`, `url_file` and `file`")
        if self.every < 1_000_000_000:
            raise ValueError("`every` is at least 1s")
        return self


class InfluxDb(Section):
    """A bucket of an InfluxDB 2."""

    url: str = Field(pattern=r"^https?://[^/@]+(/.*)?$")
    org: str
    bucket: str
    token_file: str
    retention: Duration = 0  # what `thermowell influx init` sets; 0: for ever


class Grafana(Section):
    """The Grafana that has our dashboards, as people reach it; our page links to it."""

    url: str = Field(pattern=r"^https?://[^/@]+(/.*)?$")


class Mirror(Section):
    """A copy of the samples elsewhere; it proves nothing."""

    influxdb: InfluxDb
    journal_waits: Duration = 6 * 3_600_000_000_000  # how long what it lacks stays in the journal


class ClockText(Section):
    """A simulated plant's clock, shared with it by its three numbers; everything recorded under it says so."""

    speed: float = Field(gt=0, le=10_000)
    wall_origin: int
    plant_origin: int


class ClockFile(Section):
    """A simulated plant's clock that may be set ahead: the bench keeps the three numbers in this file."""

    file: str


class JournalText(Section):
    """The journal's rhythm and budget."""

    flush_interval: Duration = 100_000_000
    quota: str | None = None


class ReviewText(Section):
    """What people may say of a finding in the review of a batch, and how a number of the quality system looks."""

    classes: list[str] = Field(default=["no impact", "deviation opened", "instrument"], min_length=1, max_length=20)
    numbered: list[str] = ["deviation opened"]  # of these classes, with a number
    number: str = Field(default=r"[A-Z]{2,6}-\d{2,4}-\d{1,6}", max_length=200)  # a regular expression for all of it
