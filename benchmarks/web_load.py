"""The board room under load: a registry of many synthetic cases, a server process, and people who read pages at the same time; the time of each page.

    python benchmarks/web_load.py --cases 5000 --people 20 --seconds 60 [--data DIR] [--cores 0,1]

`--data` keeps the filled registry for another run. Times are those of the client, from the request to the last byte; compression included.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import httpx

from liverboard.registry.folder import open_folder
from liverboard.registry.store import Store
from liverboard.web.demo import CENTRE, PASSWORD, fill

THINK_S = (2, 8)  # a person looks at a page so long before the next
GOAL_MS = 300
PEOPLE = ("chair", "editor", "viewer", "data", "admin")  # accounts of the demo; several people share one
PICTURED = f"/cases/{CENTRE}/DEMO-Y90"  # the sample with images
LANGUAGES = ("en", "fr")  # every other person reads French
Times = dict[str, list[float]]


class Person(threading.Thread):
    """One person: signs in, then reads page after page."""

    def __init__(self, base: str, number: int, cases: list[str], until: Callable[[], float]) -> None:
        super().__init__(daemon=True)
        limits = httpx.Limits(keepalive_expiry=2)  # the server closes after 5 s; who thinks longer opens anew
        self.client = httpx.Client(
            base_url=base,
            timeout=60,
            limits=limits,
            headers={"accept-encoding": "gzip", "accept-language": LANGUAGES[number % 2]},
        )
        self.chance = random.Random(number)
        self.account = PEOPLE[number % len(PEOPLE)]
        self.cases, self.until = cases, until
        self.times: Times = defaultdict(list)
        self.failed: list[str] = []

    def run(self) -> None:
        self.sign_in()
        while time.monotonic() < self.until():
            time.sleep(self.chance.uniform(*THINK_S))
            self.read()

    def sign_in(self) -> None:
        token = _csrf(self.client.get("/sign-in").text)
        sent = {"csrf": token, "name": self.account, "password": PASSWORD}
        response = self.client.post("/sign-in", data=sent)
        assert response.status_code == 303, response.text[:300]

    def read(self) -> None:
        pages = self.pages()
        name = self.chance.choice(sorted(pages))
        before = time.perf_counter()
        response = pages[name]()
        self.times[name].append((time.perf_counter() - before) * 1000)
        if response.status_code != 200:
            self.failed.append(f"{name}: {response.status_code}")

    def pages(self) -> dict[str, Callable[[], httpx.Response]]:
        """Every page there is to read for this person, of a case drawn at random."""
        if self.account == "admin":
            return {
                "people": lambda: self.get("/people"),
                "trail": lambda: self.get("/trail"),
                "help": lambda: self.get("/help/people"),
                "account": lambda: self.get("/account"),
            }
        case = f"/cases/{CENTRE}/{self.chance.choice(self.cases)}"
        pages: dict[str, Callable[[], httpx.Response]] = {
            "agenda": lambda: self.get("/agenda"),
            "follow-up": lambda: self.get("/agenda/follow-up"),
            "meetings": lambda: self.get("/meetings"),
            "meeting": lambda: self.get("/meetings/1"),
            "in the meeting": lambda: self.get(f"/meetings/1/cases/{self.chance.choice(self.board())}"),
            "minutes": lambda: self.get("/meetings/1/minutes"),
            "cases": lambda: self.get(f"/cases?page={self.chance.randint(1, 100)}"),
            "cases by name": lambda: self.get(f"/cases?pseudonym={self.chance.choice(self.cases)[:6]}"),
            "case, page one": lambda: self.get(case),
            **{f"case, {tab}": lambda tab=tab: self.get(f"{case}/{tab}") for tab in ("lesions", "options", "evidence", "facts", "events", "response", "plan", "decisions", "sources", "studies", "what-if")},
            "cohort": lambda: self.get(f"/cohort?group={self.chance.choice(('treatment', 'who_grade', 'primary_site'))}"),
            "viewer": lambda: self.get(f"{PICTURED}/viewer"),
            "case with images": lambda: self.get(f"{PICTURED}/lesions"),
            "help": lambda: self.get("/help/case"),
            "account": lambda: self.get("/account"),
        }  # fmt: skip
        if self.account == "data":
            pages["trail"] = lambda: self.get("/trail")
        if self.account != "viewer":
            pages["form of a case"] = lambda: self.get("/cases/new")
            pages["header of a case"] = lambda: self.get(f"{case}/header")
            pages["form of an event"] = lambda: self.get(f"{case}/events/new?kind=labs")
            pages["event, what it changes"] = lambda: self.preview(case)
        return pages

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path, headers={"accept": "text/html"}, follow_redirects=True)

    def board(self) -> list[str]:
        if not hasattr(self, "_board"):
            self._board = re.findall(r"/meetings/1/cases/([\w-]+)\"", self.get("/meetings/1").text) or self.cases[:1]
        return self._board

    def preview(self, case: str) -> httpx.Response:
        form = self.get(f"{case}/events/new?kind=labs").text
        fields = {"csrf": _csrf(form), "kind": "labs", "date": "2025-01-02", "bilirubin": "14", "bilirubin|unit": "umol/L", "do": "preview"}  # fmt: skip
        return self.client.post(f"{case}/events/new", data=fields)


def _csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found is not None
    return found[1]


def measure(data: Path, people: int, seconds: float, cores: str | None) -> Times:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    store = Store.open(open_folder(data))
    with store.read() as connection:
        cases = list(connection.exec_driver_sql("SELECT pseudonym FROM cases").scalars())
    store.close()
    command = [sys.executable, "-m", "liverboard", "serve", "--data", str(data), "--port", str(port)]
    server = subprocess.Popen((["taskset", "-c", cores] if cores else []) + command, stdout=subprocess.DEVNULL)
    try:
        while True:
            assert server.poll() is None, "the server did not start"
            try:
                httpx.get(f"{base}/sign-in")
                break
            except httpx.TransportError:
                time.sleep(0.5)
        warm = Person(base, 0, cases, lambda: 0.0)
        warm.sign_in()
        before = time.perf_counter()
        while 'id="reading"' in warm.get("/cohort").text:
            time.sleep(1)
        print(f"cohort read after {time.perf_counter() - before:.0f} s")
        while 'id="making"' in warm.get(f"{PICTURED}/viewer").text:
            time.sleep(1)
        for page in warm.pages().values():  # knowledge is loaded at the first page that needs it
            page()
        for case in warm.board():
            warm.get(f"/meetings/1/cases/{case}")
        print(f"every page was asked for once after {time.perf_counter() - before:.0f} s")
        end = [float("inf")]
        crowd = [Person(base, number, cases, lambda: end[0]) for number in range(people)]
        for person in crowd:
            person.start()
        end[0] = time.monotonic() + seconds
        for person in crowd:
            person.join()
    finally:
        server.terminate()
        server.wait()
    failed = [each for person in crowd for each in person.failed]
    if failed:
        print(f"{len(failed)} answers were no page, such as {failed[:3]}")
    together: Times = defaultdict(list)
    for person in crowd:
        for name, times in person.times.items():
            together[name] += times
    return together


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--cases", type=int, default=5000)
    asked.add_argument("--people", type=int, default=20)
    asked.add_argument("--seconds", type=float, default=60)
    asked.add_argument("--data", type=Path)
    asked.add_argument("--cores")
    given = asked.parse_args()
    folder = given.data or Path(tempfile.mkdtemp(prefix="web-load-"))
    if not (folder / "data").exists():
        before = time.perf_counter()
        folder.mkdir(exist_ok=True)
        fill(folder, given.cases).close()
        print(f"{given.cases} cases filled in {time.perf_counter() - before:.0f} s")
    times = measure(folder / "data", given.people, given.seconds, given.cores)
    every = [each for some in times.values() for each in some]
    load = os.getloadavg()[0]
    print(
        f"{given.people} people, {len(every)} pages in {given.seconds:.0f} s; load of the machine at the end {load:.1f}"
    )
    print(f"{'page':<26} {'n':>5} {'median ms':>10} {'p95 ms':>8} {'most ms':>8}")
    for name, some in sorted({**times, "all": every}.items(), key=lambda pair: (pair[0] == "all", pair[0])):
        p95 = statistics.quantiles(some, n=20, method="inclusive")[-1] if len(some) > 1 else some[0]
        print(f"{name:<26} {len(some):>5} {statistics.median(some):>10.0f} {p95:>8.0f} {max(some):>8.0f}{' !' if p95 > GOAL_MS else ''}")  # fmt: skip


if __name__ == "__main__":
    main()
