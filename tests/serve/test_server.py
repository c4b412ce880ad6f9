"""The socket that the server listens on."""

from __future__ import annotations

import socket

import pytest

from bakeoff.errors import UserError
from bakeoff.serve.server import listen, serve


def test_packets_of_an_answer_do_not_wait_for_acknowledgments():
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("token", ["pässword", "two words", "line\nbreak", "\x1b[31m"])
def test_tokens_that_no_header_carries_are_refused(token, tmp_path):
    with pytest.raises(UserError, match="The token must consist of ASCII"):
        serve([tmp_path], token=token, ready=lambda *_: None)


def test_an_empty_token_is_refused(tmp_path):
    with pytest.raises(UserError, match="The token is empty"):
        serve([tmp_path], token="", ready=lambda *_: None)
