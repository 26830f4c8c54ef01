"""LDAP's messages as bytes (RFC 4511), as far as a login needs them: bind, search, and the beginning of TLS.

What is sought for goes into a message as a value, never as the text of a filter: nothing that somebody types as a name
can change what is asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1_modules import rfc2251

START_TLS = "1.3.6.1.4.1.1466.20037"  # RFC 4511, 4.14
_VERSION = 3
_ANSWERS = {"bindResponse": "bind", "searchResDone": "search", "extendedResp": "extended"}


class NoMessage(ValueError):
    """Bytes that are no answer of LDAP."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was found: its name in the tree, and the values that it told, by lower-case attribute."""

    dn: str
    values: Mapping[str, Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a request ended: a result code (RFC 4511, 4.1.9), and whose it is: bind, search or extended."""

    kind: str
    code: int


@dataclass(frozen=True, slots=True)
class Answer:
    """One message of a server; None: one that we pass over, such as where else to look."""

    number: int
    told: Entry | Ended | None


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked: entries below `base`, or that one alone, that have all the values of `having`."""

    base: str
    having: Sequence[tuple[str, bytes]]
    attributes: Sequence[str]
    below: bool
    at_most: int
    within_s: int = field(default=5)


def bind(number: int, dn: str, password: str) -> bytes:
    """A simple bind: the password is in it in clear."""
    message, request = _begun(number, "bindRequest")
    request["version"] = _VERSION
    request["name"] = dn.encode()
    request["authentication"]["simple"] = password.encode()
    return bytes(encoder.encode(message))


def start_tls(number: int) -> bytes:
    """Go on by TLS."""
    message, request = _begun(number, "extendedReq")
    request["requestName"] = START_TLS.encode()
    return bytes(encoder.encode(message))


def search(number: int, wanted: Search) -> bytes:
    """Look for entries; aliases are followed nowhere."""
    message, request = _begun(number, "searchRequest")
    request["baseObject"] = wanted.base.encode()
    request["scope"] = "wholeSubtree" if wanted.below else "baseObject"
    request["derefAliases"] = "neverDerefAliases"
    request["sizeLimit"], request["timeLimit"], request["typesOnly"] = wanted.at_most, wanted.within_s, False
    if wanted.having:
        for at, (name, value) in enumerate(wanted.having):
            condition = request["filter"]["and"][at]["equalityMatch"]
            condition["attributeDesc"], condition["assertionValue"] = name.encode(), value
    else:
        request["filter"]["present"] = b"objectClass"
    request["attributes"].extend([name.encode() for name in wanted.attributes] or [b"1.1"])  # none: RFC 4511, 4.5.1.8
    return bytes(encoder.encode(message))


def unbind(number: int) -> bytes:
    """Good-bye; nothing answers it."""
    message = rfc2251.LDAPMessage()
    message["messageID"] = number
    message["protocolOp"]["unbindRequest"] = ""
    return bytes(encoder.encode(message))


def _begun(number: int, kind: str) -> tuple["rfc2251.LDAPMessage", "rfc2251.univ.Sequence"]:
    message = rfc2251.LDAPMessage()
    message["messageID"] = number
    return message, message["protocolOp"][kind]


def answer_of(content: bytes) -> Answer:
    """What a whole message says. NoMessage."""
    try:
        message, rest = decoder.decode(content, asn1Spec=rfc2251.LDAPMessage())
        number, operation = int(message["messageID"]), message["protocolOp"]
        kind = operation.getName()
        body = operation[kind]
        if kind == "searchResEntry":
            return Answer(number, _entry(body))
        if kind in _ANSWERS:
            return Answer(number, Ended(_ANSWERS[kind], int(body["resultCode"])))
    except (PyAsn1Error, ValueError, TypeError, KeyError, IndexError, OverflowError):
        raise NoMessage("what came is no message of LDAP") from None
    if rest or kind != "searchResRef":
        raise NoMessage("what came is no answer of LDAP")
    return Answer(number, None)


def _entry(body: "rfc2251.SearchResultEntry") -> Entry:
    values = {
        bytes(one["type"]).decode("ascii", "replace").lower(): tuple(bytes(value) for value in one["vals"])
        for one in body["attributes"]
    }
    return Entry(bytes(body["objectName"]).decode(), values)


def length_of(head: bytes) -> int | None:
    """The bytes of a whole message that begins so (X.690, 8.1.3); None: more has to come first. NoMessage."""
    if not head:
        return None
    if head[0] != 0x30:
        raise NoMessage("what came is no message of LDAP")
    if len(head) < 2:
        return None
    if head[1] < 0x80:
        return 2 + head[1]
    count = head[1] & 0x7F
    if not 1 <= count <= 4:  # RFC 4511, 5.1: lengths are told
        raise NoMessage("a message of LDAP without its length")
    return None if len(head) < 2 + count else 2 + count + int.from_bytes(head[2 : 2 + count], "big")
