"""A TCP address that leads to the test server and loses connections at a chosen moment."""

from __future__ import annotations

import contextlib
import socket
import threading

from psycopg.conninfo import make_conninfo


class Proxy:
    """Passes everything on, until told to lose what the server answers to a certain request."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._wanted: bytes | None = None
        self._turns: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def address(self, dsn: str) -> str:
        """The same database, through this proxy and in plain text."""
        port = self._listener.getsockname()[1]
        return make_conninfo(dsn, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable")

    def lose_the_answer_to(self, request: str) -> None:
        """Pass on the next request that has this text in it, and cut the connection instead of passing its answer."""
        self._wanted = request.encode()

    def start_counting(self) -> None:
        """Forget the round trips so far."""
        self._turns.clear()

    @property
    def round_trips(self) -> int:
        """How many times the client has spoken after the server had."""
        before = ["server", *self._turns]
        return sum(turn == "client" and last == "server" for last, turn in zip(before, self._turns, strict=False))

    def close(self) -> None:
        """Refuse new connections and cut those that are open."""
        self._shut(self._listener, *self._open)

    @staticmethod
    def _shut(*sockets: socket.socket) -> None:
        for each in sockets:
            # A listener that another thread waits on is not closed by close() alone.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = self._connect()
            self._open += [client, server]
            lost = threading.Event()
            for source, target, name in [(client, server, "client"), (server, client, "server")]:
                threading.Thread(target=self._pass_on, args=(source, target, name, lost), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = self._server
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _pass_on(self, source: socket.socket, target: socket.socket, name: str, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._turns.append(name)
                if name == "client" and self._wanted and self._wanted in data:
                    self._wanted = None
                    lost.set()
                elif name == "server" and lost.is_set():
                    break
                target.sendall(data)
        self._shut(source, target)
