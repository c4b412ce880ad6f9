"""The socket that the server listens on."""

from __future__ import annotations

import socket

from bakeoff.serve.server import listen


def test_packets_of_an_answer_do_not_wait_for_acknowledgments():
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
