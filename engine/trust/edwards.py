"""Which 32 bytes are a sound Ed25519 public key.

OpenSSL accepts any 32 bytes as a public key, among them points of small order, under which one signature fits many
messages. A key is sound here when it is a point of the curve, spelt canonically, and generates the subgroup of prime
order, as every honestly made key does. This is arithmetic on public data; it need not run in constant time.

Source: RFC 8032, sections 5.1.3 (decoding) and 5.1.4 (addition).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TypeAlias, cast

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_ORDER = 2**252 + 27742317777372353535851937790883648493
_SQRT_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

_Point: TypeAlias = tuple[int, int, int, int]
"""Extended homogeneous coordinates (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z."""

_IDENTITY: _Point = (0, 1, 1, 0)


@lru_cache(maxsize=64)  # a millisecond each, and the few keys of an environment come again and again
def is_sound_public_key(raw: bytes) -> bool:
    """Whether `raw` is the canonical spelling of a point of prime order on edwards25519."""
    point = _decode(raw)
    return point is not None and not _is_identity(point) and _is_identity(_multiply(_ORDER, point))


def _decode(raw: bytes) -> _Point | None:
    if len(raw) != 32:
        return None
    number = int.from_bytes(raw, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= _P:
        return None
    x = _recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % _P)


def _recover_x(y: int, sign: int) -> int | None:
    x2 = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(x2, (_P + 3) // 8, _P)
    if (x * x - x2) % _P:
        x = x * _SQRT_MINUS_ONE % _P
    if (x * x - x2) % _P or (x == 0 and sign):
        return None
    return x if x & 1 == sign else _P - x


def _add(left: _Point, right: _Point) -> _Point:
    a = (left[1] - left[0]) * (right[1] - right[0]) % _P
    b = (left[1] + left[0]) * (right[1] + right[0]) % _P
    c = 2 * left[3] * right[3] * _D % _P
    d = 2 * left[2] * right[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply(scalar: int, point: _Point) -> _Point:
    total = _IDENTITY
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _is_identity(point: _Point) -> bool:
    return point[0] % _P == 0 and (point[1] - point[2]) % _P == 0


def verifies(raw: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an Ed25519 signature fits, computed here and with no other library (RFC 8032, section 5.1.7).

    Slow, some milliseconds: for checking what another library has signed, not for traffic. The equation is the one
    without the cofactor, and a signature has one spelling.
    """
    key, commitment = _decode(raw), _decode(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or len(signature) != 64 or scalar >= _ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + raw + message).digest()
    right = _add(commitment, _multiply(int.from_bytes(digest, "little") % _ORDER, key))
    return _is_same(_multiply(scalar, _BASE), right)


def _is_same(left: _Point, right: _Point) -> bool:
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


_BASE: _Point = cast(_Point, _decode((4 * pow(5, -1, _P) % _P).to_bytes(32, "little")))
"""The point with y = 4/5 and an even x (RFC 8032, section 5.1)."""
