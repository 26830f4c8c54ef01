"""Every kind of fault that the bench knows, and what is wrong with a fault before it is run."""

from simulators.faults.checking import check, target_of
from simulators.faults.kind import DIFFERENCE, POINT, RATE, SERVERS, Domain, FaultKind, Setting, Target
from simulators.faults.kinds import BAD_STATUSES, CATALOGUE, UNCERTAIN_STATUSES

__all__ = [
    "BAD_STATUSES",
    "CATALOGUE",
    "DIFFERENCE",
    "POINT",
    "RATE",
    "SERVERS",
    "UNCERTAIN_STATUSES",
    "Domain",
    "FaultKind",
    "Setting",
    "Target",
    "check",
    "target_of",
]
