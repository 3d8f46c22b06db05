"""Make the secrets that compose.yaml needs, each once: ``python tools/compose_secrets.py [FOLDER]``.

The script uses only Python's standard library, because it runs before any package is installed. A test checks that the service
accepts its API key.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import string
import sys
import uuid
from pathlib import Path

#: The users of the containers must read the files. Only the owner can enter their folder.
_IN_CONTAINERS = 0o444
_OWNER_ONLY = 0o400
_PREFIX_LETTERS = string.ascii_lowercase + string.digits
_SCOPES = ("admin", "outcome", "plan", "promote", "read", "score")


def make_secrets(folder: Path) -> None:
    """Write the missing files of ``postgres_password``, ``history_key``, ``api_key``, and its hash ``api_keys.json``."""
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
        # Write the key before its hash. If the run is interrupted between them, the next run makes another key.
        _write(folder / "api_key", f"{key}\n", _OWNER_ONLY)
        _write(hashes, json.dumps({"keys": [entry]}, indent=2) + "\n", _IN_CONTAINERS)


def _write(path: Path, text: str, mode: int) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")
    path.chmod(mode)


if __name__ == "__main__":
    make_secrets(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("var/secrets"))
