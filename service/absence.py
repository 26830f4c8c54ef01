"""Records that are away for a while, as a loop sees it that looks again and again."""

import contextlib
import logging
from collections.abc import Iterator

from domain.errors import RetryLater


class Absence:
    """Lets such a loop go on while the records are away, and says so once each time it begins."""

    def __init__(self, log: logging.Logger, what: str, **about: str) -> None:
        """`what` waits meanwhile, as the log says it; `about` stands beside it."""
        self._log, self._what, self._about = log, what, about
        self._lasts = False

    @contextlib.contextmanager
    def outlasted(self) -> Iterator[None]:
        """A look that may find them away: what is in it ends there, and the next look begins anew."""
        try:
            yield
        except RetryLater as error:
            if not self._lasts:
                self._log.warning("%s: %s", self._what, error, extra=self._about)
            self._lasts = True
        else:
            self._lasts = False
