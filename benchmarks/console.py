"""Times of the console's pages over HTTP with many decisions behind it, on each engine; scoring beside an open console; triage.

The stores are those of `benchmarks.queue`. Scoring is one connection that sends a shipment every 50 ms, in turns with and without
three open consoles, which load the queue every two seconds and listen for arrivals. Triage needs Chromium: 50 shipments get a
verdict by keyboard, and 50 by mouse; keys and pointing have the times of the keystroke-level model (Card, Moran and Newell 1980:
0.20 s for a key, 1.10 s to point, 0.10 s to press a button), and the waits for the pages are measured.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Final

import httpx
import numpy as np

from benchmarks.queue import COUNTS, fill
from benchmarks.script import Result, Size, run, say
from benchmarks.tables import Table, number
from service.core.database.engine import Database
from service.core.examples import EXAMPLE_PRECURSOR, EXAMPLE_SHIPMENT
from tests.service.served import served
from tests.service.store.engines import cluster, new_database

if TYPE_CHECKING:
    from collections.abc import Iterator

_REPEATS: Final = {Size.quick: 3, Size.usual: 20, Size.full: 40}
_SECONDS: Final = {Size.quick: 2.0, Size.usual: 12.0, Size.full: 30.0}
_ROUNDS: Final = {Size.quick: 1, Size.usual: 4, Size.full: 8}
_TRIAGED: Final = {Size.quick: 5, Size.usual: 50, Size.full: 50}
_PAUSE: Final = 0.05
_KEY, _POINT, _PRESS = 0.20, 1.10, 0.10
_PAGES: Final = {
    "queue": "/queue",
    "queue, words": "/queue?q=cotton",
    "queue, site and lane": "/queue?site=USLAX&lane=red",
    "shipment": "/shipments/{id}",
    "parties of a shipment": "/shipments/{id}/neighbours",
    "try": "/try",
    "substances": "/substances?q=4-piperidone",
    "goods": "/goods?q=phone+case",
    "files": "/files",
    "plan": "/plan",
    "model": "/model",
    "rules": "/rules",
    "administration": "/administration",
}


def measure(size: Size) -> Result:
    """Return per engine the times of pages and of scoring, and the figures of triage."""
    found: dict[str, Any] = {"pages": {}, "scoring": {}, "decisions": COUNTS[size]}
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder, cluster() as server:
        urls = {"sqlite": f"sqlite:///{Path(folder) / 'store.db'}", "postgresql": new_database(server.url)}
        for name, url in urls.items():
            database = Database(url)
            database.migrate()
            say(f"filling {name}")
            fill(database, COUNTS[size])
            database.close()
            with _serving(url, Path(folder) / name) as address:
                found["pages"][name] = _pages(address, _REPEATS[size])
                found["scoring"][name] = _scoring(address, _ROUNDS[size], _SECONDS[size])
        with _serving(f"sqlite:///{Path(folder) / 'triage.db'}", Path(folder) / "triage") as address:
            found["triage"] = _triage(address, _TRIAGED[size])
    return found


@contextmanager
def _serving(url: str, folder: Path) -> Iterator[str]:
    folder.mkdir()
    own = {
        "TIDEWAITER_STORE": "on",
        "TIDEWAITER_DATABASE_URL": url,
        "TIDEWAITER_JOURNAL_DIR": str(folder / "journal"),
        "TIDEWAITER_HISTORY_REPLAY_DAYS": "0.01",
        "PATH": os.environ["PATH"],
    }
    with served(folder=folder, settings=own) as running:
        yield running.url


def _pages(address: str, repeats: int) -> dict[str, list[float]]:
    """Return the times of each page in seconds."""
    times: dict[str, list[float]] = {}
    with httpx.Client(base_url=address, timeout=120) as client:
        rows = client.get("/v1/queue", params={"limit": repeats + 2}).json()["items"]
        for name, path in _PAGES.items():
            of_page = times.setdefault(name, [])
            for row in rows:
                start = perf_counter()
                answer = client.get(path.replace("{id}", row["decision_id"]))
                of_page.append(perf_counter() - start)
                if answer.status_code != 200:
                    raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:300]}")
            # The first ones warm caches.
            del of_page[:2]
            say(f"{name}: {1e3 * np.quantile(of_page, 0.95):.0f} ms")
    return times


def _scoring(address: str, rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the times of scores in seconds, with and without open consoles, in turns."""
    times: dict[str, list[float]] = {"alone": [], "beside consoles": []}
    numbers = itertools.count()
    with httpx.Client(base_url=address, timeout=60) as client:
        for _ in range(rounds):
            for name, of_kind in times.items():
                ended = threading.Event()
                consoles = [threading.Thread(target=_look, args=(address, ended)) for _ in range(3 * (name != "alone"))]
                for console in consoles:
                    console.start()
                end = perf_counter() + seconds
                while perf_counter() < end:
                    shipment = EXAMPLE_SHIPMENT | {"shipment_id": f"BENCH-{next(numbers)}"}
                    start = perf_counter()
                    client.post("/v1/score", json=shipment).raise_for_status()
                    of_kind.append(perf_counter() - start)
                    sleep(_PAUSE)
                ended.set()
                for console in consoles:
                    console.join()
    return times


def _look(address: str, ended: threading.Event) -> None:
    """Look at the queue as an open console does."""
    with httpx.Client(base_url=address, timeout=60) as client:
        while not ended.is_set():
            client.get("/queue").raise_for_status()
            with client.stream("GET", "/events") as news:
                for _ in news.iter_raw():
                    break
            ended.wait(2.0)


def _triage(address: str, count: int) -> dict[str, Any]:
    """Return keys, clicks and seconds per shipment by keyboard and by mouse; nothing without Chromium."""
    path = shutil.which("chromium")
    if path is None:
        say("no triage: Chromium is not installed")
        return {}
    from playwright.sync_api import sync_playwright

    with httpx.Client(base_url=address, timeout=60) as client:
        shipments = [EXAMPLE_PRECURSOR | {"shipment_id": f"T-{place}"} for place in range(2 * count + 2)]
        client.post("/v1/score/batch", json={"shipments": shipments}).raise_for_status()
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        page = browser.new_page(base_url=address)
        found = {}
        for way in ("keyboard", "mouse"):
            page.goto("/queue")
            page.locator("body[data-ready]").wait_for()
            page.keyboard.press("o")
            page.wait_for_url("**/shipments/*")
            keys = clicks = 0
            start = perf_counter()
            for _ in range(count):
                page.locator("body[data-ready]").wait_for()
                here = page.evaluate("location.pathname")
                if way == "keyboard":
                    page.keyboard.press("1")
                    page.keyboard.press("Enter")
                    keys += 2
                else:
                    page.locator("input[name=verdict]").first.click()
                    page.locator("#verdict button.main").click()
                    clicks += 2
                page.wait_for_function("here => location.pathname !== here", arg=here)
            waited = (perf_counter() - start) / count
            person = (keys * _KEY + clicks * (_POINT + _PRESS)) / count
            found[way] = {"keys": keys / count, "clicks": clicks / count, "waited": waited, "seconds": waited + person}
        browser.close()
    return found


def tables(result: Result) -> list[Table]:
    """Return the tables of `measure`'s figures."""
    engines = tuple(result["pages"])
    pages = [
        (
            page,
            *(
                number(1e3 * float(np.quantile(result["pages"][one][page], level)))
                for one in engines
                for level in (0.5, 0.95)
            ),
        )
        for page in _PAGES
    ]
    columns = tuple(f"{one}, {level}, ms" for one in engines for level in ("p50", "p95"))
    scoring = [
        (
            one,
            *(number(1e3 * float(np.median(result["scoring"][one][kind]))) for kind in ("alone", "beside consoles")),
        )
        for one in engines
    ]
    shown = [
        Table(
            "Pages of the console", ("page", *columns), tuple(pages), f"{result['decisions']:,} decisions in the store."
        ),
        Table("Scoring beside three open consoles", ("store", "alone, p50, ms", "beside, p50, ms"), tuple(scoring), ""),
    ]
    if result["triage"]:
        rows = [
            (way, number(of["keys"]), number(of["clicks"]), number(1e3 * of["waited"]), number(of["seconds"]))
            for way, of in result["triage"].items()
        ]
        heads = ("by", "keys", "clicks", "wait, ms", "seconds")
        shown.append(Table("Verdicts, per shipment", heads, tuple(rows), ""))
    return shown


if __name__ == "__main__":
    run("console", __doc__, measure, tables)
