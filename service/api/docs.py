"""The documentation pages, with their scripts from this machine.

FastAPI's own pages load theirs from a content delivery network, which a customs network seldom reaches and which would learn who
reads them. The package `fastapi-offline` ships the same files; only its files are used.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.staticfiles import StaticFiles

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.responses import HTMLResponse

_STATIC: Final = "/docs/static"


def docs_files() -> Path:
    """Folder of the page's scripts and styles.

    Raises:
        ModuleNotFoundError: `fastapi-offline` is not installed.
    """
    found = find_spec("fastapi_offline")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("fastapi-offline, which holds the scripts of /docs, is not installed")
    return Path(found.submodule_search_locations[0]) / "static"


def install_docs(app: FastAPI) -> None:
    """Serve ``/docs`` of an application made with ``docs_url=None``."""
    app.mount(_STATIC, StaticFiles(directory=docs_files()), name="docs-static")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=f"{app.title}: API",
            swagger_js_url=f"{_STATIC}/swagger-ui-bundle.js",
            swagger_css_url=f"{_STATIC}/swagger-ui.css",
            swagger_favicon_url=f"{_STATIC}/favicon.png",
        )
