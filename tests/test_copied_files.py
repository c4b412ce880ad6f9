"""A file that was copied from another machine is found by the path that it has there."""

from __future__ import annotations

from bakeoff.copied_files import copied, here, original


def test_a_copy_is_known_during_the_block_only():
    with copied({"/home/me/model": "/tmp/copy/model"}):
        assert here("/home/me/model/config.json") == "/tmp/copy/model/config.json"
        assert original("/tmp/copy/model/config.json") == "/home/me/model/config.json"
        assert here("/home/me/model-2") == "/home/me/model-2"
        assert original("gpt2") == here("gpt2") == "gpt2"
    assert here("/home/me/model") == "/home/me/model"
