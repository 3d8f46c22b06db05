"""Photograph each screen of the console in both themes for docs/console.md.

    make demo                              # in another terminal: an office with finds
    python -m tools.console_screenshots [--address URL] [--out FOLDER]

Needs Chromium. The picture of sign-in needs an account, which the command adds last; the next start of the demo forgets it.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from PIL import Image

from service.operations.command import SAMPLE
from tools.pages import DOCS

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: Quality of the WebP pictures, in per cent: text stays sharp.
_QUALITY: Final = 50
_THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
_PASSWORD: Final = "the tide waits for nobody"
#: A carrier's file, whose columns the service has to guess.
_CARRIER: Final = """\
HAWB;Shipper;Shipper Country;Consignee;Consignee Country;Description of Goods;Memo;Pieces;Weight KG;Declared Value;Currency
7340011;Meridian Fine Chemical;CN;Lakeside Holdings;US;laboratory reagent;4-piperidone 98%;1;2.1;85;USD
7340012;Bright Harbor Trading;CN;Tomas Rehn;US;phone case;gift;1;.2;9.5;USD
7340013;Orsay Instruments;FR;Delta Clinic;US;infusion pump;sample;2;7.4;1900;EUR
"""


def _shipment(page: Page) -> None:
    page.goto("/queue?lane=red")
    page.locator("[data-row] a.open").nth(1).click()
    page.locator("#neighbours svg").first.wait_for()


def _try(page: Page) -> None:
    page.goto("/try")
    page.locator("#changed").fill(page.locator("#first").input_value().replace("4-piperidone", "4-piperidinol"))
    page.locator("#score").click()
    page.locator("#result h2", has_text="What changed").scroll_into_view_if_needed()
    page.mouse.wheel(0, 300)


def _model(page: Page) -> None:
    page.goto("/model")
    page.locator("#precision").wait_for()


def _columns(page: Page) -> None:
    page.goto("/files")
    file = {"name": "carrier.csv", "mimeType": "text/csv", "buffer": _CARRIER.encode()}
    page.set_input_files("[data-head]", file)  # type: ignore[arg-type]
    page.locator("#columns-read").wait_for()


def _job(page: Page) -> None:
    page.goto("/files")
    if not page.locator("#jobs a").count():
        page.set_input_files("[data-head]", SAMPLE)
        page.locator("#columns-read").wait_for()
        page.locator("button[data-key=s]").click()
    page.locator("#jobs a", has_text=SAMPLE.name).first.click()
    page.locator("[data-row]").first.wait_for()


def _sign_in(page: Page) -> None:
    page.goto("/account")
    if "/sign-in" not in page.url:
        page.fill("input[name=login]", "j.okafor")
        page.fill("input[name=password]", _PASSWORD)
        page.fill("input[name=repeated]", _PASSWORD)
        page.locator("main button.main").click()
        page.wait_for_url(lambda url: not url.endswith("/account"))
        page.context.clear_cookies()
        page.goto("/queue")


def _at(path: str) -> Callable[[Page], Any]:
    return lambda page: page.goto(path)


#: Name of a picture -> what leads to its screen.
SCREENS: Final[dict[str, Callable[[Page], Any]]] = {
    "queue": _at("/queue"),
    "shipment": _shipment,
    "try": _try,
    "substances": _at("/substances?q=1-boc-4-piperidone"),
    "goods": _at("/goods?q=tablet+press"),
    "files": _columns,
    "plan": _at("/plan"),
    "model": _model,
    "rules": _at("/rules"),
    "administration": _at("/administration"),
    "job": _job,
    "sign-in": _sign_in,
}


def photograph(address: str, folder: Path) -> list[Path]:
    """Write a picture of each screen in each theme, 1,280 by 800 pixels, and return their paths."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    browser_file = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_file is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    written = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_file, args=["--no-sandbox", "--disable-gpu"])
        for name, lead in SCREENS.items():
            for theme in _THEMES:
                size = {"width": 1280, "height": 800}
                context = browser.new_context(base_url=address, color_scheme=theme, viewport=size)  # type: ignore[arg-type]
                page = context.new_page()
                lead(page)
                page.locator("body[data-ready]").wait_for()
                page.wait_for_function("() => !document.querySelector('.htmx-request')")
                picture = Image.open(io.BytesIO(page.screenshot()))
                written.append(folder / f"{name}-{theme}.webp")
                picture.save(written[-1], quality=_QUALITY, method=6)
                context.close()
        browser.close()
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pictures of the demo at ``--address`` into the folder ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="http://127.0.0.1:8000", help="of the demo; default: %(default)s")
    parser.add_argument("--out", type=Path, default=DOCS / "console", help="default: docs/console")
    options = parser.parse_args(arguments)
    for path in photograph(options.address, options.out):
        sys.stdout.write(f"{path} {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
