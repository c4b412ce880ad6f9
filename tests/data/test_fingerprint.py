"""Fingerprints by their definition."""

from __future__ import annotations

import hashlib

import pytest

from bakeoff.data.fingerprint import fingerprint


@pytest.mark.parametrize("count", [0, 1, 1000, 2500])
def test_every_string_follows_a_zero_byte_and_every_name_a_one(count):
    strings = [f"text {number} é" for number in range(count)]
    expected = hashlib.sha256(b"\x01train" + "".join(f"\x00{string}" for string in strings).encode() + b"\x01test\x00")

    assert fingerprint([("train", iter(strings)), ("test", [""])]) == expected.hexdigest()
