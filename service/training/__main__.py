"""A promotion that somebody asked for in the console, in a process of its own: the service loads no library of training.

The argument is a folder with ``state.json`` (`service.console.promoting`). The gate's verdicts are written beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import typer


def main(folder: Path) -> int:
    """Check the bundle, put it into service if no check fails, and return the exit status."""
    from models.bundle import BundleRefused, StoreError, verify
    from service.core.commands import environment
    from service.training.gate import Gate, GateRefused
    from service.training.models import entered

    asked = orjson.loads((folder / "state.json").read_bytes())
    settings = environment()
    bundle = Path(asked["bundle"])
    try:
        verify(bundle, expected_digest=asked["digest"])
        facts = Gate(settings, json_file=folder / "verdicts.json").examine(bundle)
        installed = settings.store().install(bundle)
    except (BundleRefused, GateRefused, StoreError, OSError) as error:
        typer.echo(str(error))
        return 1
    entered(installed, "In service", asked["by"], None, facts | {"reason": asked["reason"]})
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
