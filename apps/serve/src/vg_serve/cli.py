"""vg-serve: load the models, then answer HTTP."""

import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import tyro
import uvicorn

from vg_serve.app import create_app
from vg_serve.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Command:
    """Serve generated videos and person search over HTTP, with one page at / that shows both.

    The server has no login: keep it on 127.0.0.1, or put a proxy that checks its users in front of it.
    """

    settings: tyro.conf.OmitArgPrefixes[Settings] = field(default_factory=Settings)
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 opens the server to the network."""
    port: int = 8000
    """Port to listen on; 0 takes a free one and prints it."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the server until it is interrupted; a user's mistake is one line on stderr and exit code 2."""
    command = tyro.cli(Command, prog="vg-serve", args=argv)
    try:
        listener = _listen(command.host, command.port)
        app = create_app(command.settings)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"vg-serve listens on http://{_name(listener)}", flush=True)
    with listener, suppress(KeyboardInterrupt):
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a port in use is known before the models are loaded."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError) as error:
        raise ValueError(f"cannot listen on --host {host} --port {port}: {error}") from error


def _name(listener: socket.socket) -> str:
    """host:port as a browser wants it."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
