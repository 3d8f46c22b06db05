"""Makes the secrets that compose.yaml needs, each once: ``python tools/compose_secrets.py [FOLDER]``.

It needs Python alone, because it runs before anything is installed. A test holds its keys to `service.store.keys`.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import string
import sys
import uuid
from pathlib import Path

#: The containers' own users read them, in a folder that only its owner enters.
_IN_CONTAINERS = 0o444
_OWNER_ONLY = 0o400
_PREFIX_LETTERS = string.ascii_lowercase + string.digits
_SCOPES = ("admin", "outcome", "plan", "promote", "read", "score")


def make_secrets(folder: Path) -> None:
    """Write what is missing: ``postgres_password``, ``history_key``, ``api_key``, and its hash ``api_keys.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in ("postgres_password", "history_key"):
        if not (folder / name).exists():
            _write(folder / name, secrets.token_urlsafe(32), _IN_CONTAINERS)
    hashes = folder / "api_keys.json"
    if not hashes.exists():
        prefix = "tw_" + "".join(secrets.choice(_PREFIX_LETTERS) for _ in range(8))
        key = f"{prefix}_{secrets.token_urlsafe(32)}"
        entry = {
            "id": str(uuid.uuid4()),
            "name": "administrator, made by make compose-secrets",
            "prefix": prefix,
            "sha256": hashlib.sha256(key.encode()).hexdigest(),
            "scopes": _SCOPES,
        }
        # The key first: without its hash another one is made next time.
        _write(folder / "api_key", f"{key}\n", _OWNER_ONLY)
        _write(hashes, json.dumps({"keys": [entry]}, indent=2) + "\n", _IN_CONTAINERS)


def _write(path: Path, text: str, mode: int) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")
    path.chmod(mode)


if __name__ == "__main__":
    make_secrets(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("var/secrets"))
