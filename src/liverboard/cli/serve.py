"""`liverboard serve` and `liverboard demo`: the web app on this machine."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Final

import typer

from liverboard.errors import BadInput

if TYPE_CHECKING:
    import uvicorn

    from liverboard.web.site import Site

Port = Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="0: any free one.")]
Host = Annotated[
    str,
    typer.Option(metavar="ADDRESS", help="Other machines reach it only through a proxy with TLS, or another address."),
]

_LAST_ANSWERS_S: Final = (
    5  # of a site that is stopped; an upload that takes longer is cut off, and nothing of it is kept
)


def serve(
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="The data folder. Default: $LIVERBOARD_DATA, else the user's."),
    ] = None,
    centre: Annotated[
        str | None, typer.Option(metavar="NAME", help="Makes the data folder of this centre where there is none.")
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8350,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where people reach it through a proxy, such as https://board.hospital.example; one-time links begin with it, and an identity provider sends people back there. Default: where it listens.",
        ),
    ] = None,
    https: Annotated[
        bool, typer.Option("--https", help="Reached by https, through a proxy: cookies travel by nothing else.")
    ] = False,
) -> None:
    """The board room in a browser, for the people of a centre. The first start prints the link that makes the administrator."""
    from liverboard.registry.accounts import first_link
    from liverboard.registry.folder import default_folder, make_folder, open_folder
    from liverboard.registry.permissions import CONSOLE
    from liverboard.registry.store import Store
    from liverboard.web.site import Site, openid_of

    named = None if address is None else _checked(address)
    path = data or default_folder()
    with _until_stopped(), _door(host, port) as door:  # first: a start that fails ends no link of a site that runs
        folder = open_folder(path) if centre is None else make_folder(path, centre)
        store = Store.initialise(folder) if centre is not None else Store.open(folder)
        with store.transaction(CONSOLE) as tx:
            link = first_link(tx)
        address = named or _address(door, https=https)
        site = Site(store, secure=https, address=address, openid=openid_of())
        server = _server(site)
        typer.echo(f"The board room of {folder.centre} is at {address}; Ctrl-C stops it.")
        if link is not None:
            typer.echo(f"No administrator yet. Open this once, within 24 hours:  {address}/welcome/{link}")
        _run(server, site, door)


def demo(
    port: Port = 8350,
    host: Host = "127.0.0.1",
    cases: Annotated[int, typer.Option(metavar="N", min=0, max=20000, help="Synthetic cases beside the samples.")] = 60,
) -> None:
    """The web app with sample cases in a throw-away folder: look at every page without touching anything."""
    import signal
    import tempfile

    from liverboard.cli.show import progress
    from liverboard.web.demo import PASSWORD, PEOPLE, fill
    from liverboard.web.site import Site

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that the folder goes
    with _until_stopped(), _door(host, port) as door, tempfile.TemporaryDirectory(prefix="liverboard-demo-") as name:
        with progress("Filling the demo") as step:
            store = fill(Path(name), cases, step)
        site = Site(store, demo=True, address=_address(door))
        server = _server(site)
        typer.echo(f"Sign in at {_address(door)} as {', '.join(PEOPLE)} with the password: {PASSWORD}")
        _run(server, site, door)


@contextmanager
def _until_stopped() -> Generator[None]:
    """Ctrl-C ends the process here, when all is closed: threads still in native code abort it at the interpreter's own end ("exception not rethrown")."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)


def _door(host: str, port: int) -> socket.socket:
    """The socket that the site listens on. Raises BadInput when it cannot be had."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise BadInput(
            f"nothing can listen at {host}, port {port}: {error.strerror or 'no such address'}",
            hint="Does the board room run there already? Give another --port, or another --host.",
        ) from None


def _address(door: socket.socket, *, https: bool = False) -> str:
    host, port = door.getsockname()[:2]
    return f"http{'s' if https else ''}://{f'[{host}]' if ':' in host else host}:{port}"


def _checked(address: str) -> str:
    """Raises BadInput for what no link can begin with."""
    if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+/?", address):
        raise BadInput(
            f"'{address[:80]}' is no address of a site", hint="Expected such as https://board.hospital.example."
        )
    return address.rstrip("/")


def _server(site: Site) -> uvicorn.Server:
    """All that takes long to load is loaded here, before people are told that they may come."""
    import uvicorn

    from liverboard.web.app import create_app

    return uvicorn.Server(
        uvicorn.Config(
            create_app(site),
            log_level="warning",
            server_header=False,
            proxy_headers=site.secure,
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
        )
    )


def _run(server: uvicorn.Server, site: Site, door: socket.socket) -> None:
    from liverboard.web.warm import warm_up

    try:
        Thread(target=warm_up, name="warming", daemon=True).start()
        server.run(sockets=[door])
    finally:
        site.store.close()
