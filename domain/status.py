"""The OPC UA StatusCode (part 4, 7.39): the top two bits are the severity, the rest is information.

Two bits that the standard reserves (12 and 13) tell, inside this program only, where a row's time came from;
`raw` removes them, and nothing shows them as part of the code.
"""

import numpy as np
from numpy.typing import NDArray

GOOD = 0x0000_0000
UNCERTAIN = 0x4000_0000
UNCERTAIN_RANGE = 0x4094_0000  # Uncertain_EngineeringUnitsExceeded: beyond the end of its range
CODE = 0xFFFF_0000  # of a status: the rest are bits about the value
BAD = 0x8000_0000
BAD_NO_COMMUNICATION = 0x8031_0000
BAD_ENCODING = 0x8006_0000
BAD_NO_DATA = 0x809B_0000
SEVERITY = 0xC000_0000
OVERFLOW = 0x0000_0480  # InfoType DataValue and the overflow bit: the server's queue dropped values before this one

TIME_FROM_SERVER = 0x0000_1000
TIME_FROM_RECEIPT = 0x0000_2000
TIME_ORIGIN = TIME_FROM_SERVER | TIME_FROM_RECEIPT


def is_good(status: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Tell which rows are Good, whatever their information bits say (Good with overflow is Good)."""
    good: NDArray[np.bool_] = (status & np.uint32(SEVERITY)) == GOOD
    return good


def is_bad(status: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Tell which rows are Bad."""
    bad: NDArray[np.bool_] = (status & np.uint32(BAD)) != 0
    return bad


def has_overflow(status: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Tell which rows say that the server's queue dropped values before them."""
    overflow: NDArray[np.bool_] = (status & np.uint32(OVERFLOW)) == OVERFLOW
    return overflow


def raw(status: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The code as it was on the wire, without our note of where the time came from."""
    return status & np.uint32(~TIME_ORIGIN & 0xFFFF_FFFF)


def severity_name(status: int) -> str:
    """`Good`, `Uncertain` or `Bad`."""
    return ("Good", "Uncertain", "Bad", "Bad")[(int(status) >> 30) & 3]
