"""Row `finding_to_mail`: from a sample's publication to the mail in a local mail server, the 99th percentile.

The real service as its own processes: broker, journal, detectors, alarm book, records, outbox, SMTP. One alarm after the
other, each told to two channels. A person hears ten messages in ten minutes before a digest is made of them, so the
service is started again after ten. The peer is the limit of two seconds.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.acceptance.service.running import until
from tests.acceptance.telling.flooded import HIGH, TAGS, Flooded, flooded
from tests.acceptance.telling.servers import Mailbox

LIMIT_S = 2.0
CHANNELS, ALARMS, STARTS = 2, 10, 5
PAUSE_S = 0.3  # so that alarms are told one by one


class TimedMailbox(Mailbox):
    """Notes when each mail came, by its place."""

    def __init__(self) -> None:
        super().__init__()
        self.came_s: list[float] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.came_s.append(time.monotonic())
        return await super().handle_DATA(server, session, envelope)


def run() -> dict[str, dict[str, object]]:
    """One alarm after the other, when the mails of the one before are there."""
    box = TimedMailbox()
    taken_s: list[float] = []
    with tempfile.TemporaryDirectory() as name, flooded(Path(name), box, channels=CHANNELS) as site:
        for start in range(STARTS):
            if start:
                site.service.stop()
                site.service.start()
                until(site.service.ready)
            for tag in TAGS[start * ALARMS : (start + 1) * ALARMS]:
                taken_s += _mails_of(tag, site, box)
    told = {mail["Subject"] for mail in box.mails}
    assert told == {f"HIGH: {tag} limit high" for tag in TAGS[: STARTS * ALARMS]}, told
    figure = float(np.percentile(taken_s, 99))
    note = (
        f"p99 of {len(taken_s)} mails: {STARTS * ALARMS} alarms, each to {CHANNELS} channels; median "
        f"{np.median(taken_s):.2f}, most {max(taken_s):.2f} s; peer: the limit"
    )
    return {"finding_to_mail": {"ours": figure, "peer": LIMIT_S, "ratio": LIMIT_S / figure, "unit": "s", "note": note}}


def _mails_of(tag: str, site: Flooded, box: TimedMailbox) -> list[float]:
    """Raise one alarm; return after how many seconds each of its mails was there."""
    known, begun_s = len(box.came_s), time.monotonic()
    site.set([tag], HIGH)
    until(lambda: len(box.came_s) == known + CHANNELS, every_s=0.02)
    time.sleep(PAUSE_S)
    return [came_s - begun_s for came_s in box.came_s[known:]]
