"""First API key: a service that requires keys and has never had one makes a key at its start, and shows it once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from service.core.logs import logger
from service.keys.key import Key, KeyWishes
from service.keys.keys_file import write_secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.core.database.engine import Database

#: Actor of the key's entry in the audit chain.
ACTOR = "first start"
#: Name of the key in lists of keys.
NAME = "administrator, made at the first start"


def make_first_key(database: Database, scopes: Iterable[str], file: Path) -> Key | None:
    """Make a key if the database has never had one, and show it once.

    The key is written to standard error if that is a terminal, otherwise to ``file``.

    Args:
        scopes: scopes of the key. Pass all of them: its holder may make keys of any scope, so leaving one out protects nothing.
        file: path of a file that only its owner may read. An existing file is replaced.

    Returns:
        The key; None if the database has or had a key, also one that another process has just made.

    Raises:
        OSError: the file cannot be written. No key is made.
    """
    from service.keys import repository

    on_terminal = sys.stderr.isatty()
    made = repository.create_first(
        database,
        KeyWishes(NAME, frozenset(scopes)),
        ACTOR,
        shown=None if on_terminal else lambda text: write_secret(file, f"{text}\n".encode()),
    )
    if made is None:
        return None
    key, text = made
    if on_terminal:
        sys.stderr.write(f"\nThe first API key, which is shown this once:\n\n    {text}\n\n")
    logger().warning(
        "first_key_made",
        prefix=key.prefix,
        shown="on the terminal" if on_terminal else str(file.absolute()),
        next="keep it in a safe place and delete the file; `tidewaiter keys create` makes keys with fewer scopes",
    )
    return key
