"""What docs/operations.md tells an administrator to put on the machine, run as it stands there: nginx before `liverboard serve`, and the service unit."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from tests.browser import launched
from tests.registry_samples import CASE, EDITOR

from liverboard.registry.accounts import create_account, set_password
from liverboard.registry.cases import add_case
from liverboard.registry.folder import make_folder
from liverboard.registry.permissions import CONSOLE
from liverboard.registry.store import Store

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
NAME = "board.hospital.example"
PASSWORD = "three unrelated words"  # noqa: S105
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
LIMIT_MB = 400
SERVE = "ExecStart=/opt/liverboard/bin/liverboard serve"
ANALYZE = shutil.which("systemd-analyze")

# Debian's nginx.conf around the part that the page gives.
AROUND = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  default_type application/octet-stream; access_log {folder}/access.log; gzip on;
  {servers}
}}
"""


def block(language: str, holding: str = "") -> str:
    found = [each for each in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if holding in each]
    assert len(found) == 1, f"the page has {len(found)} blocks of {language} with '{holding}'"
    return found[0]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return door.getsockname()[1]


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(*command: str, port: int, log: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, **settings}
    with log.open("wb") as said, subprocess.Popen(command, stdout=said, stderr=said, env=environment) as process:
        try:
            end = time.monotonic() + 60
            while not answers(port):
                assert process.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()


class Proxy:
    """nginx as the page sets it up, with other ports, before the upstream port `behind`."""

    def __init__(self, folder: Path, behind: int) -> None:
        self.folder, self.tls, self.plain = folder, free_port(), free_port()
        self.certificate = folder / "board.pem"
        make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout board.key -out board.pem"
        subject = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"]
        subprocess.run([*make.split(), *subject], cwd=folder, check=True, capture_output=True)
        servers = block("nginx")
        for written, here in (
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.tls} ssl;"),
            ("listen 80;", f"listen 127.0.0.1:{self.plain};"),
            ("/etc/ssl/board.", f"{folder}/board."),
            ("http://127.0.0.1:8350;", f"http://127.0.0.1:{behind};"),
        ):
            assert servers.count(written) >= 1, written
            servers = servers.replace(written, here)
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, servers=servers))
        self.url = f"https://127.0.0.1:{self.tls}"

    @contextmanager
    def run(self) -> Iterator[Proxy]:
        assert NGINX is not None
        command = [NGINX, "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", str(self.folder / "nginx.conf")]  # fmt: skip
        with running(*command, port=self.tls, log=self.folder / "nginx.out"):
            yield self

    def visitor(self, address: str = "127.0.0.1", **more: str) -> httpx.Client:
        trusted = ssl.create_default_context(cafile=str(self.certificate))
        way = httpx.HTTPTransport(verify=trusted, local_address=address)
        return httpx.Client(transport=way, base_url=self.url, headers={"host": NAME, **more}, timeout=120)


def filled(path: Path) -> Path:
    """A data folder with an editor and a case."""
    store = Store.initialise(make_folder(path, "lyon"))
    with store.transaction(CONSOLE) as tx:
        create_account(tx, "admin", "administrator", None)
        link = create_account(tx, "editor", "editor", "lyon")
    set_password(store, link, PASSWORD)
    with store.transaction(EDITOR) as tx:
        add_case(tx, "lyon", CASE)
    store.close()
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("operations") / "data")


@pytest.fixture(scope="module")
def board(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The board room behind its proxy, both started as the page says."""
    if NGINX is None or shutil.which("openssl") is None:
        pytest.skip("no nginx or openssl on this machine")
    started = re.search(r"^ExecStart=(.*)$", block("ini", SERVE), re.MULTILINE)
    assert started is not None
    port = free_port()
    words = [sys.executable, "-m", "liverboard", *shlex.split(started[1])[1:]]
    words = [{"/srv/liverboard/data": str(data), "8350": str(port)}.get(word, word) for word in words]
    folder = tmp_path_factory.mktemp("nginx")
    with (
        running(*words, port=port, log=folder / "serve.out", LIVERBOARD_UPLOAD_MB=str(LIMIT_MB)),
        Proxy(folder, port).run() as proxy,
    ):
        yield proxy


def sign_in(client: httpx.Client, origin: str = f"https://{NAME}") -> str:
    """Through the form, as a browser does; gives the token of the forms."""
    form = client.get("/sign-in").text
    said = client.post(
        "/sign-in",
        data={"csrf": token(form), "name": "editor", "password": PASSWORD, "next": "/agenda"},
        headers={"origin": origin, "sec-fetch-site": "same-origin"},
    )
    assert said.status_code == 303, said.text[:500]
    assert "session" in "".join(client.cookies), said.headers
    return token(client.get("/agenda").text)


def token(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page[:500]
    return found[1]


def test_people_sign_in_through_the_proxy_and_cookies_travel_by_tls_only(board: Proxy) -> None:
    with board.visitor() as client:
        greeting = client.get("/sign-in")
        sign_in(client)
        cookies = [*greeting.headers.get_list("set-cookie")]
        said = client.post("/sign-in", data={"csrf": "x"}, headers={"origin": "https://other.example"})
    assert said.status_code == 403
    assert cookies
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert {"Secure", "HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; ")), cookie


def test_every_header_that_guards_a_page_comes_once(board: Proxy) -> None:
    with board.visitor(**{"accept-encoding": "gzip"}) as client:
        for path in ("/sign-in", "/static/app.css", "/no-such-page"):
            headers = client.get(path).headers
            for name in (
                "strict-transport-security",
                "content-security-policy",
                "x-content-type-options",
                "x-frame-options",
                "referrer-policy",
                "cache-control",
            ):
                assert len(headers.get_list(name)) == 1, (path, name, headers.get_list(name))
            assert headers["server"] == "nginx"  # and not which
            assert headers.get_list("content-encoding") in ([], ["gzip"])


def test_plain_http_leads_to_tls_and_old_tls_is_refused(board: Proxy) -> None:
    asked = httpx.get(f"http://127.0.0.1:{board.plain}/cases?q=1", headers={"host": NAME})
    assert (asked.status_code, asked.headers["location"]) == (301, f"https://{NAME}/cases?q=1")
    for version, works in (("-tls1_1", False), ("-tls1_2", True)):
        command = ["openssl", "s_client", version, "-cipher", "ALL:@SECLEVEL=0", "-connect", f"127.0.0.1:{board.tls}"]
        done = subprocess.run(command, check=False, input=b"", capture_output=True)
        assert (done.returncode == 0) is works, done.stderr[-300:]


def test_an_address_that_the_site_makes_names_the_proxy(board: Proxy) -> None:
    """A path with a stroke too many is led back: to https, and to the name that the browser used."""
    with board.visitor() as client:
        assert client.get("/sign-in/").headers["location"] == f"https://{NAME}/sign-in"


@pytest.mark.parametrize("megabytes", [30, pytest.param(300, marks=pytest.mark.slow)])
def test_a_large_study_goes_through_piece_by_piece(board: Proxy, tmp_path: Path, megabytes: int) -> None:
    """More than nginx takes by itself (1 MB), and never a whole copy on the disk of the proxy."""
    study = tmp_path / "scan.nrrd"
    side = 500
    header = f"NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: {side} {side} {4 * megabytes}\nspace directions: (1,0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\nencoding: raw\n\n"
    with study.open("wb") as file:
        file.write(header.encode())
        for _ in range(megabytes):
            file.write(os.urandom(1000) * 1000)
    with board.visitor() as client:
        csrf = sign_in(client)
        with study.open("rb") as file:
            said = client.post("/cases/lyon/NELM-1/studies", data={"csrf": csrf}, files={"files": ("scan.nrrd", file)})
    assert said.status_code == 303, said.text[:500]
    assert "buffered to a temporary file" not in (board.folder / "error.log").read_text()


def test_what_is_too_large_is_told_in_words(board: Proxy) -> None:
    """The site answers before the end of what is sent; the answer gets through the proxy, to one who sends on."""
    declared = (LIMIT_MB + 50) * 1_000_000

    def body() -> Iterator[bytes]:
        for _ in range(declared // 1_000_000):
            yield bytes(1_000_000)

    with board.visitor() as client:
        csrf = sign_in(client)
        said = client.post(
            "/cases/lyon/NELM-1/studies",
            content=body(),
            headers={
                "content-type": "multipart/form-data; boundary=x",
                "content-length": str(declared),
                "x-csrf-token": csrf,
            },
        )
    assert said.status_code == 413
    assert f"larger than {LIMIT_MB} MB" in said.text


def test_the_proxy_says_who_asked_whatever_they_claim(tmp_path: Path) -> None:
    if NGINX is None or shutil.which("openssl") is None:
        pytest.skip("no nginx or openssl on this machine")
    heard: list[dict[str, str]] = []

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with Proxy(tmp_path, server.server_port).run() as proxy, proxy.visitor("127.0.0.7") as client:
            client.get("/", headers={"x-forwarded-for": "10.0.0.1", "x-forwarded-proto": "http", "forwarded": "for=10.0.0.1"})  # fmt: skip
        server.shutdown()
    assert heard[0]["x-forwarded-for"] == "127.0.0.7"
    assert heard[0]["x-forwarded-proto"] == "https"
    assert heard[0]["host"] == NAME


def test_a_browser_keeps_the_session_behind_the_proxy(board: Proxy) -> None:
    rules = f"--host-resolver-rules=MAP {NAME}:443 127.0.0.1:{board.tls}"
    with launched(rules, "--ignore-certificate-errors") as browser:
        page = browser.new_context(ignore_https_errors=True).new_page()
        wrong: list[str] = []

        def console(said: Any) -> None:
            if said.type == "error":
                wrong.append(str(said.text))

        page.on("console", console)
        page.goto(f"https://{NAME}/")
        page.fill("#name", "editor")
        page.fill("#password", PASSWORD)
        page.click("button.main")
        page.wait_for_url(f"https://{NAME}/agenda")
        cookies = {each["name"]: each for each in page.context.cookies()}
        assert cookies["__Host-session"]["secure"] and cookies["__Host-session"]["httpOnly"]
        assert not wrong


@pytest.mark.slow
def test_a_stop_waits_for_no_upload_and_keeps_nothing_of_it(tmp_path: Path) -> None:
    """As the service is stopped: the process alone is told. Without an end, a slow sender held it until it was killed, after 90 seconds without a page."""
    path, port = filled(tmp_path / "data"), free_port()
    stopped, told = Event(), list[str]()

    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="files"; filename="scan.nrrd"\r\n\r\n'
        while True:
            yield bytes(1000)
            if stopped.wait(0.1):
                raise httpx.ReadError("the site is gone")

    def upload() -> None:
        with suppress(httpx.HTTPError):
            told.append(client.post("/cases/lyon/NELM-1/studies", content=body(), headers=sent).text)

    words = (sys.executable, "-m", "liverboard", "serve", "--data", str(path), "--port", str(port))
    with (
        running(*words, port=port, log=tmp_path / "serve.out") as site,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):
        csrf = sign_in(client, f"http://127.0.0.1:{port}")
        sent = {"content-type": "multipart/form-data; boundary=x", "content-length": str(LIMIT_MB * 1_000_000), "x-csrf-token": csrf}  # fmt: skip
        sender = Thread(target=upload)
        sender.start()
        end = time.monotonic() + 30
        while not list((path / "studies").glob(".sending-*")):
            assert sender.is_alive() and time.monotonic() < end
            time.sleep(0.05)
        site.terminate()
        try:
            site.wait(timeout=80)  # the upload itself would go on for hours, and the service would be killed after 90 s
        finally:
            stopped.set()
            sender.join()
    assert not told or "is being stopped" in told[0]
    assert not list((path / "studies").glob(".sending-*"))
    assert "Traceback" not in (tmp_path / "serve.out").read_text()


@pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze on this machine")
def test_the_service_unit_is_right_and_shuts_the_service_in(tmp_path: Path) -> None:
    unit = tmp_path / "liverboard.service"
    unit.write_text(block("ini", SERVE).replace("/opt/liverboard/bin/liverboard", "/bin/true"))
    assert ANALYZE is not None
    verified = subprocess.run([ANALYZE, "verify", str(unit)], check=False, capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    looked = subprocess.run(
        [ANALYZE, "security", "--offline=true", "--threshold=25", str(unit)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert looked.returncode == 0, looked.stdout[-2000:] + looked.stderr


@pytest.mark.skipif(ANALYZE is None, reason="no systemd-analyze on this machine")
def test_the_units_of_the_backup_are_right(tmp_path: Path) -> None:
    service, timer = tmp_path / "liverboard-backup.service", tmp_path / "liverboard-backup.timer"
    service.write_text(block("ini", "Type=oneshot").replace("/usr/local/sbin/liverboard-backup", "/bin/true"))
    timer.write_text(block("ini", "[Timer]"))
    assert ANALYZE is not None
    verified = subprocess.run([ANALYZE, "verify", service, timer], check=False, capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_backup_stops_before_it_replaces_what_shows_a_changed_store(tmp_path: Path) -> None:
    """The script as it stands there, without `runuser`, which is for root: it keeps all that a restore needs, and heads of a changed store go nowhere."""
    path, kept, elsewhere = filled(tmp_path / "data"), tmp_path / "backup", tmp_path / "elsewhere"
    kept.mkdir()
    elsewhere.mkdir()
    written = block("sh", "#!/bin/sh")
    for there, here in (
        ("runuser -u liverboard -- ", ""),
        ("/srv/liverboard/data", str(path)),
        ("/opt/liverboard/bin/liverboard", f"{sys.executable} -m liverboard"),
        ("/backup/", f"{kept}/"),
        ("/elsewhere/", f"{elsewhere}/"),
    ):
        assert there in written, there
        written = written.replace(there, here)
    script = tmp_path / "liverboard-backup"
    script.write_text(written)
    script.chmod(0o755)
    assert subprocess.run([script], check=False).returncode == 0
    (backup,) = kept.glob("registry-*.sqlite")
    head = (elsewhere / "heads.jsonl").read_bytes()
    assert head and (kept / "studies").is_dir()
    backup.rename(kept / "first.sqlite")  # the name holds the minute
    with closing(sqlite3.connect(path / "registry.sqlite")) as store, store:
        store.execute("UPDATE accounts SET role = 'chair' WHERE name = 'editor'")
    (path / "heads.jsonl").write_text("")
    assert subprocess.run([script], check=False).returncode == 10
    assert (elsewhere / "heads.jsonl").read_bytes() == head
    assert not list(kept.glob("registry-*.sqlite"))
