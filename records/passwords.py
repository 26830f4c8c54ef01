"""Passwords: which ones are taken, and their hashes by Argon2id."""

import threading
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from domain.errors import Refused, RetryLater
from domain.people import LONGEST_PASSWORD, SHORTEST_PASSWORD

_AT_ONCE = 2
_WAIT_AT_MOST_S = 8.0
_FEWEST_CHARACTERS = 5


class Hasher:
    """Hashes a few passwords at a time: each takes memory and a processor for a good part of a second.

    The usual cost is one of those that OWASP's Password Storage Cheat Sheet gives for Argon2id: 46 MiB, one pass, one
    lane. RetryLater where too many wait already.
    """

    def __init__(self, *, memory_kib: int = 47_104, passes: int = 1) -> None:
        self._argon2 = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._places = threading.BoundedSemaphore(_AT_ONCE)
        self._nobodys = ""

    def hash(self, password: str) -> str:
        """As it is kept: the parameters, a new salt, the hash."""
        with self._place():
            return self._argon2.hash(_written(password))

    def is_it(self, kept: str, password: str) -> bool:
        """Whether that is the password; without one that is kept it takes as long, and is not."""
        if not self._nobodys:
            self._nobodys = self.hash("nobody has this one")
        with self._place():
            try:
                return self._argon2.verify(kept or self._nobodys, _written(password)) and bool(kept)
            except (VerifyMismatchError, VerificationError, InvalidHashError):
                return False

    def is_old(self, kept: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._argon2.check_needs_rehash(kept)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=_WAIT_AT_MOST_S):
            message = "too many passwords are being looked at"
            raise RetryLater(message)
        try:
            yield
        finally:
            self._places.release()


def proper_password(password: str, own_words: Iterable[str]) -> str:
    """The password; Refused where it is too short, too long, or among the first that anybody would try.

    By length and by a list, without rules of composition (NIST SP 800-63B, 3.1.1.2). `own_words` are the person's
    names and the like.
    """
    written = _written(password)
    if len(written) < SHORTEST_PASSWORD:
        raise Refused(f"a password has at least {SHORTEST_PASSWORD} characters; several words are easy to remember")
    if len(written) > LONGEST_PASSWORD:
        raise Refused(f"a password has at most {LONGEST_PASSWORD} characters")
    plain = "".join(written.casefold().split())
    if (
        plain in _commonest()
        or len(set(plain)) < _FEWEST_CHARACTERS
        or any(_is_made_of(plain, word) for word in own_words)
    ):
        raise Refused("this password is among the first that anybody would try; choose another one")
    return password


@cache
def _commonest() -> frozenset[str]:
    """Those of twelve characters and more that are tried first: from keyboards, habits, products and plants."""
    return frozenset(Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").split())


def _is_made_of(plain: str, word: str) -> bool:
    """Whether it is that word again and again, or the word and digits."""
    bare = "".join(_written(word).casefold().split())
    return bool(bare) and not plain.replace(bare, "").strip("0123456789!.-_")


def _written(password: str) -> str:
    """The same characters, however a keyboard put them together (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
