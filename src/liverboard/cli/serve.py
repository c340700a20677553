"""`liverboard serve` and `liverboard demo`: the web app on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from liverboard.web.site import Site

Port = Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="0: any free one.")]
Host = Annotated[
    str,
    typer.Option(metavar="ADDRESS", help="Other machines reach it only through a proxy with TLS, or another address."),
]


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

    path = data or default_folder()
    folder = open_folder(path) if centre is None else make_folder(path, centre)
    store = Store.initialise(folder) if centre is not None else Store.open(folder)
    with store.transaction(CONSOLE) as tx:
        link = first_link(tx)
    scheme = "https" if https else "http"
    if link is not None:
        typer.echo(f"No administrator yet. Open this once, within 24 hours:  {scheme}://{host}:{port}/welcome/{link}")
    _run(Site(store, secure=https, openid=openid_of()), host, port)


def demo(
    port: Port = 8350,
    host: Host = "127.0.0.1",
    cases: Annotated[int, typer.Option(metavar="N", min=0, max=20000, help="Synthetic cases beside the samples.")] = 60,
) -> None:
    """The web app with sample cases in a throw-away folder: look at every page without touching anything."""
    import tempfile

    from liverboard.cli.show import progress
    from liverboard.web.demo import PASSWORD, PEOPLE, fill
    from liverboard.web.site import Site

    with tempfile.TemporaryDirectory(prefix="liverboard-demo-") as name:
        with progress("Filling the demo") as step:
            store = fill(Path(name), cases, step)
        typer.echo(f"Sign in at http://{host}:{port} as {', '.join(PEOPLE)} with the password: {PASSWORD}")
        _run(Site(store, demo=True), host, port)


def _run(site: Site, host: str, port: int) -> None:
    import uvicorn

    from liverboard.web.app import create_app

    try:
        uvicorn.run(
            create_app(site), host=host, port=port, log_level="warning", server_header=False, proxy_headers=site.secure
        )
    finally:
        site.store.close()
