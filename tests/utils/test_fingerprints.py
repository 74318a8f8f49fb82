"""FarmHash64 and SipHash against published values."""

import pytest

from autonet.utils.fingerprints import farmhash64, siphash64


@pytest.mark.parametrize(
    ("text", "value"),
    [  # of Guava's tests (4, 32 and 256 bytes), and of BigQuery's manual (8, 11 and 5)
        ("test", 8581389452482819506),
        ("test" * 8, -4196240717365766262),
        ("test" * 64, 3500507768004279527),
        ("1footrue", -1541654101129638711),
        ("2applefalse", 2794438866806483259),
        ("3true", -4880158226897771312),
        ("alphabet", -2427165924636348523),
        ("Amazon Redshift", 8085098817162212970),
    ],
)
def test_farmhash(text, value):
    assert farmhash64(text.encode()) == value % 2**64


def test_farmhash_of_all_lengths():
    """Hashes that choose the next bytes and lengths end where Guava's test says that the C++ original does."""
    buffer, n, h = bytearray(3200), 0, 0
    for i in range(800):
        for power in (1, 2, 3, None):
            length = n if power is None else i**power % n if power > 1 else i
            h ^= farmhash64(bytes(buffer[:length]))
            h = (h ^ (h >> 41)) * 949921979 % 2**64
            buffer[n] = ord("a") + h % 2**20 % 26
            n += 1
        last, second, third, middle = buffer[n - 1], buffer[n - 2], buffer[n - 3], buffer[n // 2]
        buffer[((last << 16) + (second << 8) + third) % n] ^= middle
        buffer[((second << 16) + (third << 8) + middle) % n] ^= i % 256
    assert h == 0x7A1D67C50EC7E167


def test_siphash():
    """The example of the paper's appendix, and the lengths around a word."""
    key = 0x0706050403020100, 0x0F0E0D0C0B0A0908
    assert siphash64(bytes(range(15)), key) == 0xA129CA6149BE45E5
    assert siphash64(b"", key) == 0x726FDB47DD0E0E31
    assert len({siphash64(bytes(n), key) for n in range(20)}) == 20
