"""Documentation pages with scripts from this service.

FastAPI's pages load scripts from a content delivery network. Customs networks rarely allow that, and the network would learn who
reads the pages. The package `fastapi-offline` contains the same files, which this module serves.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_STATIC: Final = "/docs/static"
_INLINE_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def docs_files() -> Path:
    """Return the folder of the page's scripts and styles.

    Raises:
        ModuleNotFoundError: `fastapi-offline` is not installed.
    """
    package = find_spec("fastapi_offline")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("fastapi-offline is not installed; it contains the scripts of /docs")
    return Path(package.submodule_search_locations[0]) / "static"


def install_docs(app: FastAPI) -> None:
    """Serve ``/docs``. The application must have been created with ``docs_url=None``."""
    app.mount(_STATIC, StaticFiles(directory=docs_files()), name="docs-static")

    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=f"{app.title}: API",
        swagger_js_url=f"{_STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{_STATIC}/swagger-ui.css",
        swagger_favicon_url=f"{_STATIC}/favicon.png",
    )
    page.headers["Content-Security-Policy"] = _policy(bytes(page.body).decode())

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page


def _policy(page: str) -> str:
    """Return the content security policy of the page. It allows scripts of this service, and the page's inline script by hash."""
    digests = [hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(page)]
    inline = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src 'self' {inline}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
