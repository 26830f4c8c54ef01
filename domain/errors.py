"""What can go wrong, as types that say what to do about it.

ThermowellError
├── RetryLater            the same call may succeed later: a broker is away, a disk is slow
│   ├── AskedToWait       the other side says when it may be asked again
│   ├── MayHaveArrived    nobody can tell whether it succeeded: the answer did not come in time
│   └── DamagedEntry      entries of the journal cannot be read, and no gap tells of it yet
├── Refused               it will never succeed as it is: a bad message, a wrong password
│   ├── InUse             somebody else runs what may run once
│   ├── BadMessage        a payload that cannot become a sample; it is quarantined with this reason
│   └── UnknownTag        nothing is known by that name
├── ConfigError           a configuration that cannot be used; carries file, line, column and path
├── DamagedFile           stored bytes do not match their hash or their format
│   └── NewerFormat       the file was written by a newer program; it is left alone
│       └── UnknownEntry  whole, and of a kind, or with a word, that this program does not know
└── DiskBudgetSpent       the journal's quota is used up; nothing more is acknowledged
"""

from dataclasses import dataclass


class ThermowellError(Exception):
    """Anything this program raises on purpose."""


class RetryLater(ThermowellError):
    """The same call may succeed later."""


class AskedToWait(RetryLater):
    """The other side takes nothing before `after_s` seconds from now."""

    def __init__(self, message: str, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class MayHaveArrived(RetryLater):
    """The call may have succeeded although no answer came; doing it again may do it twice."""


class DamagedEntry(RetryLater):
    """Entries `first` to `last` of the journal cannot be read: who follows passes them once a gap tells of it.

    `source` is the one that they are of, as far as that can be told, else empty; `why` what is wrong with them.
    """

    def __init__(self, message: str, first: int, last: int, source: str, why: str) -> None:
        super().__init__(message)
        self.first, self.last, self.source, self.why = first, last, source, why


class Refused(ThermowellError):
    """The same call will never succeed as it is."""


class BadMessage(Refused):
    """A payload that cannot become a sample."""


class InUse(Refused):
    """Somebody else runs what may run only once."""


class UnknownTag(Refused):
    """Nothing is known by that name."""


class DamagedFile(ThermowellError):
    """Stored bytes do not match their hash or their format."""


class NewerFormat(DamagedFile):
    """The file was written by a newer program."""


class UnknownEntry(NewerFormat):
    """An entry is whole, but its kind or a word of it is not known here: nothing is lost, nothing goes on behind it."""


class DiskBudgetSpent(ThermowellError):
    """The journal's quota is used up."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing wrong in a configuration, and where it stands (line and column from 1)."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        """`file:line:column: path: message`, as editors jump to it."""
        return f"{self.file}:{self.line}:{self.column}: {self.path}: {self.message}"


class ConfigError(ThermowellError):
    """A configuration that cannot be used, with every complaint about it."""

    def __init__(self, complaints: tuple[Complaint, ...]) -> None:
        super().__init__("\n".join(str(complaint) for complaint in complaints))
        self.complaints = complaints
