"""Random numbers that belong to an instrument by its name, and to a time: nothing else changes them.

Every draw is a hash of (seed, name, time, purpose): the finaliser of SplitMix64 (Steele, Lea and Flood 2014) over a key
per name. There is no state, so another tag, another fault, or a reading more or less leaves all other draws as they
are; and thousands of instruments are drawn in one vectorised turn.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Singles = NDArray[np.float32]

_WEYL: Final = 0x9E37_79B9_7F4A_7C15
_FIRST: Final = np.uint64(0xBF58_476D_1CE4_E5B9)
_SECOND: Final = np.uint64(0x94D0_49BB_1331_11EB)
_SHIFTS: Final = (np.uint64(30), np.uint64(27), np.uint64(31))
_HALF: Final = np.uint64(32)
_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
_PURPOSES: Final = 8  # room for draws of one instrument at one time
_PER_COUNT: Final = np.float32(2.0**-32)
_TURN: Final = np.float32(2.0 * np.pi * 2.0**-32)


def keys(names: Sequence[str], seed: int) -> Keys:
    """A key per name."""
    salt = str(seed).encode()
    return np.array(
        [int.from_bytes(hashlib.blake2b(name.encode() + b"\0" + salt, digest_size=8).digest()) for name in names],
        np.uint64,
    )


def _bits(of: Keys, tick: int, purpose: int) -> Keys:
    mixed = of + np.uint64((tick * _PURPOSES + purpose) * _WEYL & _MASK)
    mixed ^= mixed >> _SHIFTS[0]
    mixed *= _FIRST
    mixed ^= mixed >> _SHIFTS[1]
    mixed *= _SECOND
    mixed ^= mixed >> _SHIFTS[2]
    return mixed


def polar(of: Keys, tick: int, purpose: int) -> tuple[Singles, Singles]:
    """A radius (at most 6.7) and an angle per key (Box and Muller 1958).

    Radius times cosine, and radius times sine, are two independent draws of the standard normal distribution.
    """
    bits = _bits(of, tick, purpose)
    # Single precision is several times faster here and finer than any instrument's resolution.
    above_zero = (bits >> _HALF).astype(np.uint32).astype(np.float32) + np.float32(0.5)
    radius = np.sqrt(np.float32(-2.0) * np.log(above_zero * _PER_COUNT))
    return radius, bits.astype(np.uint32).astype(np.float32) * _TURN


def uniform(of: Keys, tick: int, purpose: int) -> NDArray[np.float64]:
    """A draw from [0, 1) per key."""
    drawn: NDArray[np.float64] = (_bits(of, tick, purpose) >> _HALF).astype(np.float64) * 2.0**-32
    return drawn
