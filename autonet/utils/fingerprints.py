"""Hashes of bytes that stay the same on every machine: FarmHash64, and SipHash with a key.

They sort categories into bins as Keras does.

Sources: Pike, Alakuijala, 2014, https://github.com/google/farmhash;
Aumasson, Bernstein, 2012, https://www.aumasson.jp/siphash/siphash.pdf
"""

from __future__ import annotations

import struct

_WORD = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F  # primes between 2^63 and 2^64


def _turn(x: int, by: int) -> int:
    """The 64 bits of x, turned right."""
    x &= _WORD
    return (x >> by) | (x << (64 - by)) & _WORD


def _fold(x: int) -> int:
    x &= _WORD
    return x ^ (x >> 47)


def _words(s: bytes, *starts: int) -> list[int]:
    return [struct.unpack_from("<Q", s, i)[0] for i in starts]


def _pair(u: int, v: int, factor: int) -> int:
    """Two words made one."""
    a = _fold((u ^ v) * factor)
    return _fold((v ^ a) * factor) * factor & _WORD


def farmhash64(s: bytes) -> int:
    """FarmHash64 of bytes, from 0 to 2^64 - 1.

    >>> farmhash64(b"test")
    8581389452482819506
    """
    n = len(s)
    if n > 64:
        return _long(s)
    factor = _K2 + 2 * n
    if n > 16:
        a, b, c, d = _words(s, 0, 8, n - 8, n - 16)
        a, c, d = a * (_K1 if n <= 32 else _K2) & _WORD, c * factor, d * _K2
        first, second = _turn(a + b, 43) + _turn(c, 30) + d, a + _turn(b + _K2, 18) + c
        if n <= 32:
            return _pair(first & _WORD, second & _WORD, factor)
        third = _pair(first & _WORD, second & _WORD, factor)
        e, f, g, h = _words(s, 16, 24, n - 32, n - 24)
        e, g, h = e * factor & _WORD, (first + g) * factor, (third + h) * factor
        return _pair((_turn(e + f, 43) + _turn(g, 30) + h) & _WORD, (e + _turn(f + a, 18) + g) & _WORD, factor)
    if n >= 8:
        a, b = _words(s, 0, n - 8)
        a += _K2
        return _pair((_turn(b, 37) * factor + a) & _WORD, (_turn(a, 25) + b) * factor & _WORD, factor)
    if n >= 4:
        a, b = (struct.unpack_from("<I", s, i)[0] for i in (0, n - 4))
        return _pair(n + (a << 3), b, factor)
    if n:
        y, z = s[0] + (s[n >> 1] << 8), n + (s[-1] << 2)
        return _fold((y * _K2 & _WORD) ^ (z * _K0 & _WORD)) * _K2 & _WORD
    return _K2


def _mixed(s: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """Two words of state with the 32 bytes from `at` on mixed in."""
    w, x, y, z = _words(s, at, at + 8, at + 16, at + 24)
    a += w
    b = _turn(b + a + z, 21)
    c = a
    a += x + y
    return (a + z) & _WORD, (b + _turn(a, 44) + c) & _WORD


def _long(s: bytes) -> int:
    """Blocks of 64 bytes, and the last 64 once more."""
    n = len(s)
    x, y = 81, (81 * _K1 + 113) & _WORD
    z = _fold(y * _K2 + 113) * _K2 & _WORD
    v, w = (0, 0), (0, 0)
    x = (x * _K2 + _words(s, 0)[0]) & _WORD
    rest = (n - 1) % 64
    factor, nine = _K1, 1
    for at in [*range(0, n - 1 - rest, 64), n - 64]:
        if at == n - 64:  # the last, which may overlap the one before
            factor, nine = _K1 + ((z & 0xFF) << 1), 9
            w = (w[0] + rest, w[1])
            v = (v[0] + w[0], v[1])
            w = (w[0] + v[0], w[1])
        one, two, five, six = _words(s, at + 8, at + 16, at + 40, at + 48)
        x = _turn(x + y + v[0] + one, 37) * factor & _WORD
        y = _turn(y + v[1] + six, 42) * factor & _WORD
        x ^= w[1] * nine & _WORD
        y = (y + v[0] * nine + five) & _WORD
        z = _turn(z + w[0], 33) * factor & _WORD
        v = _mixed(s, at, v[1] * factor, x + w[0])
        w = _mixed(s, at + 32, z + w[1], y + two)
        z, x = x, z
    first = _pair(v[0], w[0], factor) + _fold(y) * _K0 + z
    return _pair(first & _WORD, (_pair(v[1], w[1], factor) + x) & _WORD, factor)


def siphash64(s: bytes, key: tuple[int, int]) -> int:
    """SipHash-2-4 of bytes under a key of two words, from 0 to 2^64 - 1.

    >>> hex(siphash64(bytes(range(15)), (0x0706050403020100, 0x0F0E0D0C0B0A0908)))
    '0xa129ca6149be45e5'
    """
    k0, k1 = key
    a, b, c, d = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573
    padded = s + bytes(7 - len(s) % 8) + bytes([len(s) & 0xFF])
    for word in [*_words(padded, *range(0, len(padded), 8)), None]:
        if word is None:
            c ^= 0xFF
        else:
            d ^= word
        for _ in range(2 if word is not None else 4):
            a, c = (a + b) & _WORD, (c + d) & _WORD
            b, d = _turn(b, 51) ^ a, _turn(d, 48) ^ c
            a, c = (_turn(a, 32) + d) & _WORD, (c + b) & _WORD
            d, b = _turn(d, 43) ^ a, _turn(b, 47) ^ c
            c = _turn(c, 32)
        if word is not None:
            a ^= word
    return a ^ b ^ c ^ d
