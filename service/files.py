"""Where everything lies under the data folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Files:
    """The data folder's layout."""

    data: Path

    @property
    def journal(self) -> Path:
        """The only queue."""
        return self.data / "journal.db"

    @property
    def history(self) -> Path:
        """The record, one file a period."""
        return self.data / "history"

    @property
    def records(self) -> Path:
        """What was decided, where no server has it."""
        return self.data / "records.db"

    @property
    def run(self) -> Path:
        """Sockets and gauges of the running processes: nothing here outlives them."""
        return self.data / "run"

    @property
    def trimming(self) -> Path:
        """Locked by whoever trims the journal, and by a backup, so that nothing leaves it meanwhile."""
        return self.run / "trimming.lock"

    @property
    def backed_up(self) -> Path:
        """What the newest backup was."""
        return self.data / "backup.json"

    @property
    def scrubbed(self) -> Path:
        """How far the pass has come that looks for damage."""
        return self.data / "scrubbed.json"

    @property
    def audit_heads(self) -> Path:
        """The heads of the audit trail, where no other place is configured; only added to."""
        return self.data / "audit-heads.log"

    @property
    def restored(self) -> Path:
        """Which backup this folder was restored from; gone once the gap since then is journaled."""
        return self.data / "restored.json"

    @property
    def restoring(self) -> Path:
        """What a restore has not put in place yet: while this is there nothing else can be trusted."""
        return self.data / ".restoring"

    @property
    def certificates(self) -> Path:
        """Our own key and certificate, and those of servers that are trusted."""
        return self.data / "certificates"

    @property
    def link_key(self) -> Path:
        """What signs the links in messages."""
        return self.data / "keys" / "links"

    @property
    def duty(self) -> Path:
        """The calendars of rotas, as they were last good."""
        return self.data / "duty"

    @property
    def models(self) -> Path:
        """Learned models by their hash: those that were put before a second person."""
        return self.data / "models"

    @property
    def mirrors(self) -> Path:
        """What mirrors refused, with the reasons."""
        return self.data / "mirrors"

    def made(self) -> "Files":
        """The same, with the folders there."""
        own = (self.certificates, self.models, self.mirrors, self.duty, self.link_key.parent)
        for folder in (self.data, self.history, self.run, *own):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        return self
