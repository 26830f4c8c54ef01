"""Roles of people, and what each may do: the whole of it is one table.

Least privilege (ICH Q7, 21 CFR 11.10 (d) and (g)): what the table does not grant is refused. An administrator holds no
role in the process: accounts and their privileges, and no alarm, range or batch.
"""

import enum
from collections.abc import Mapping

from domain.errors import Refused


class Role(enum.StrEnum):
    """What somebody is in the plant; `service` is another system."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    SHIFT_LEAD = "shift lead"
    PROCESS_ENGINEER = "process engineer"
    QA = "QA"
    ADMIN = "admin"
    SERVICE = "service"


class Permission(enum.StrEnum):
    """What may be done, as the end of the sentence 'the role may not …'."""

    LOOK = "look at the plant"
    ACKNOWLEDGE = "acknowledge alarms"
    COMMENT = "comment on alarms"
    SHELVE = "shelve alarms"
    TAKE_OUT_OF_SERVICE = "take alarms out of service"
    TAKE_OVER = "take a shift over"
    TELL = "tell events of batches"
    CORRECT = "correct what is recorded of holds and instruments"
    PROPOSE_RANGES = "propose ranges"
    REVIEW_RANGES = "review ranges"
    APPROVE_RANGES = "approve ranges"
    APPROVE_MODELS = "approve models"
    ASSESS = "give an excursion its disposition"
    REVIEW_BATCH = "review batches"
    SIGN = "sign"
    EXPORT = "export records"
    READ_AUDIT = "read the audit trail"
    MANAGE_PEOPLE = "manage people"
    KEEP_ACCOUNT = "keep an account of their own"


_V, _O, _L, _P, _Q, _A, _S = Role
_IN_THE_PLANT = frozenset({_O, _L, _P})

GRANTS: Mapping[Permission, frozenset[Role]] = {
    Permission.LOOK: frozenset(Role),
    Permission.ACKNOWLEDGE: _IN_THE_PLANT,
    Permission.COMMENT: _IN_THE_PLANT | {_Q},
    Permission.SHELVE: frozenset({_L, _P}),
    Permission.TAKE_OUT_OF_SERVICE: frozenset({_L, _P}),
    Permission.TAKE_OVER: frozenset({_L, _P}),
    Permission.TELL: _IN_THE_PLANT | {_S},
    Permission.CORRECT: _IN_THE_PLANT | {_Q},
    Permission.PROPOSE_RANGES: frozenset({_P, _Q}),
    Permission.REVIEW_RANGES: frozenset({_P, _Q}),
    Permission.APPROVE_RANGES: frozenset({_P, _Q}),
    Permission.APPROVE_MODELS: frozenset({_P, _Q}),
    Permission.ASSESS: frozenset({_L, _P, _Q}),
    Permission.REVIEW_BATCH: frozenset({_Q}),
    Permission.SIGN: frozenset({_L, _P, _Q}),
    Permission.EXPORT: _IN_THE_PLANT | {_Q, _S},
    Permission.READ_AUDIT: frozenset({_Q, _A}),
    Permission.MANAGE_PEOPLE: frozenset({_A}),
    Permission.KEEP_ACCOUNT: frozenset(Role) - {_S},
}
"""Who may do what. Rules of two persons (a reviewer is not the actor) stand where the deed is done."""


def role_named(text: str) -> Role:
    """The role that is written so (`shift_lead`, `qa`); Refused if there is none."""
    words = text.replace("_", " ").replace("-", " ").strip().lower()
    for role in Role:
        if role.lower() == words:
            return role
    message = f"{text!r} is not a role; the roles are {', '.join(Role)}"
    raise Refused(message)


def may(role: str, permission: Permission) -> bool:
    """Whether a role has a permission; a role that nobody knows has none."""
    try:
        return role_named(role) in GRANTS[permission]
    except Refused:
        return False


def must(name: str, role: str, permission: Permission) -> None:
    """Refused where somebody of that name and role lacks a permission."""
    if not may(role, permission):
        granted = " or a ".join(sorted(GRANTS[permission]))
        message = f"{name} has the role {role!r}, which may not {permission}: that is for a {granted}"
        raise Refused(message)
