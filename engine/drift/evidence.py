"""How much the counts prove: anytime-valid tests of a share against a limit.

With s mismatches in n requests and a limit L, the two e-values are likelihood ratios of "the share lies uniformly
somewhere on this side of L" against "it is exactly L":

    E_promote  = integral_0^L p^s (1-p)^(n-s) dp / (L     * L^s (1-L)^(n-s))      evidence that the share is below L
    E_rollback = integral_L^1 p^s (1-p)^(n-s) dp / ((1-L) * L^s (1-L)^(n-s))      evidence that it is above L

Each is a non-negative martingale (a supermartingale beyond L) that starts at 1, so the chance that it *ever* reaches
1/alpha while its null hypothesis holds is at most alpha, however often one looks (Ville's inequality). That is what
makes a gate on a dashboard honest: a plain threshold looked at again and again lies.

The functions keep no history. Acting on the running maximum would be valid too; acting on the present value decides a
little later, and lets every process compute the same answer from the same counts.

Sources: J. Ville, Etude critique de la notion de collectif (1939); A. Ramdas, P. Gruenwald, V. Vovk, G. Shafer,
"Game-theoretic statistics and safe anytime-valid inference", Statistical Science 38(4), 2023; the method of mixtures is
H. Robbins, "Statistical methods related to the law of the iterated logarithm", 1970. The integrals are incomplete
beta functions, computed in logarithms by the continued fraction DLMF 8.17.22.
"""

from __future__ import annotations

import math
from typing import Final

_TINY: Final = 1e-300
_PRECISION: Final = 1e-14
_MAX_TERMS: Final = 200_000
"""The fraction needs about sqrt(n) terms at worst; this suffices beyond 10^9 requests."""


def log_e_promote(mismatches: int, n: int, limit: float) -> float:
    """Natural logarithm of E_promote: positive speaks for a share below `limit`.

    Args:
        mismatches: s, 0 <= s <= n.
        n: Requests observed.
        limit: L, within 0..1. At the ends nothing can be proven, and the value is 0 (no evidence).

    Raises:
        ValueError: The counts or the limit are impossible.
    """
    _check(mismatches, n, limit)
    if limit in (0.0, 1.0):
        return 0.0
    return _log_e(mismatches + 1, n - mismatches + 1, limit, 1.0 - limit)


def log_e_rollback(mismatches: int, n: int, limit: float) -> float:
    """Natural logarithm of E_rollback: positive speaks for a share above `limit`. As `log_e_promote` otherwise."""
    _check(mismatches, n, limit)
    if limit in (0.0, 1.0):
        return 0.0
    # Counting agreements against 1 - L turns one integral into the other.
    return _log_e(n - mismatches + 1, mismatches + 1, 1.0 - limit, limit)


def clean_samples_needed(limit: float, alpha: float) -> int:
    """Requests without any mismatch that prove a share below `limit`: 449 for 1 % at alpha 0.05.

    Raises:
        ValueError: The limit or alpha does not lie strictly between 0 and 1.
    """
    return samples_still_needed(0, 0, limit, alpha)


def samples_still_needed(mismatches: int, n: int, limit: float, alpha: float) -> int:
    """Requests still needed until E_promote reaches 1/alpha, if none of them mismatches; 0 when it has.

    Raises:
        ValueError: The counts are impossible, or the limit or alpha does not lie strictly between 0 and 1.
    """
    if not 0.0 < limit < 1.0 or not 0.0 < alpha < 1.0:
        raise ValueError("limit and alpha must lie strictly between 0 and 1")
    threshold = -math.log(alpha)

    def proven(more: int) -> bool:
        return log_e_promote(mismatches, n + more, limit) >= threshold

    if proven(0):
        return 0
    # Every clean request raises E_promote, so the answer can be bracketed and bisected.
    high = 64
    while not proven(high):
        high *= 2
    low = high // 2 if high > 64 else 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proven(middle) else (middle, high)
    return high


def _check(mismatches: int, n: int, limit: float) -> None:
    if not 0 <= mismatches <= n:
        raise ValueError(f"{mismatches} mismatches in {n} requests is impossible")
    if not 0.0 <= limit <= 1.0:
        raise ValueError(f"limit {limit} is not within 0..1")


def _log_e(a: int, b: int, x: float, y: float) -> float:
    """Logarithm of integral_0^x p^(a-1) (1-p)^(b-1) dp / (x^a y^(b-1)), with y = 1 - x given exactly.

    Left of the mean the continued fraction gives the integral itself, and the powers cancel; right of it, its
    complement, which is then the smaller part of the whole beta function.
    """
    if x < (a + 1) / (a + b + 2):
        return math.log(y) + math.log(_continued_fraction(a, b, x)) - math.log(a)
    log_power = a * math.log(x) + (b - 1) * math.log(y)
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    log_rest = log_power + math.log(y) + math.log(_continued_fraction(b, a, y)) - math.log(b)
    return log_beta + math.log1p(-math.exp(log_rest - log_beta)) - log_power


def _continued_fraction(a: int, b: int, x: float) -> float:
    """The continued fraction of the incomplete beta function, a B(a,b) I_x(a,b) / (x^a (1-x)^b).

    Evaluated forward by the modified Lentz algorithm; converges fast for x < (a+1)/(a+b+2).
    Sources: DLMF 8.17.22 and 8.17.23; W. J. Lentz, Applied Optics 15(3), 1976; Thompson and Barnett, 1986.
    """
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _away_from_zero(1.0 + even * d)
        c = _away_from_zero(1.0 + even / c)
        value *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / _away_from_zero(1.0 + odd * d)
        c = _away_from_zero(1.0 + odd / c)
        value *= c * d
        if abs(c * d - 1.0) < _PRECISION:
            return value
    raise ArithmeticError(f"the incomplete beta function did not converge for a={a}, b={b}, x={x}")


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
