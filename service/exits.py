"""What a process of this program ends with, and so what whoever supervises it does next.

2    refused: a wrong configuration, a newer or damaged file, somebody else's role; starting again would not help
75   it may go better later (EX_TEMPFAIL): a database, a disk or an address cannot be had
70   a defect of ours (EX_SOFTWARE), told with its stack; starting again may help
"""

from domain.errors import DiskBudgetSpent, RetryLater, ThermowellError

REFUSED = 2
DEFECT = 70
TRY_AGAIN = 75

_GRAVEST_FIRST = (DEFECT, REFUSED, TRY_AGAIN)


def code_of(error: BaseException) -> int:
    """The exit code of an error; of several at once the gravest."""
    if isinstance(error, BaseExceptionGroup):
        codes = {code_of(each) for each in error.exceptions}
        return next(code for code in _GRAVEST_FIRST if code in codes)
    if isinstance(error, (RetryLater, DiskBudgetSpent, OSError)):
        return TRY_AGAIN
    return REFUSED if isinstance(error, ThermowellError) else DEFECT
