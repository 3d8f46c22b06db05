"""PostgreSQL databases for tests, in a cluster that the tests start.

``TIDEWAITER_TEST_POSTGRES`` names a server to use instead: the URL of a database whose user may create databases.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

_names = count()


class Cluster:
    """Running PostgreSQL server that listens only on a socket file."""

    def __init__(self, folder: Path, user: str | None, *, fsync: bool) -> None:
        self.folder = folder
        self._user = user
        self._fsync = "on" if fsync else "off"

    @property
    def url(self) -> str:
        return f"postgresql://tester@/postgres?host={self.folder}"

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of PostgreSQL as the owner of the cluster, because the server refuses root."""
        subprocess.run(
            [_binary(program), "-D", str(self.folder / "data"), *arguments],
            user=self._user,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}' -c max_connections=50"
        settings += f" -c fsync={self._fsync} -c full_page_writes={self._fsync}"
        self.run("pg_ctl", "-l", str(self.folder / "log"), "-o", settings, "-w", "start")

    def stop(self) -> None:
        """Stop the server and end its connections."""
        self.run("pg_ctl", "-m", "immediate", "-w", "stop")


@contextmanager
def cluster(*, fsync: bool = False) -> Iterator[Cluster]:
    """Start a new cluster and delete it afterwards.

    Args:
        fsync: whether commits wait for the disk. What a killed server committed is there without that too; only a failure of the
            machine would lose it.
    """
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="tidewaiter-pg-"))
    try:
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        started = Cluster(folder, user, fsync=fsync)
        started.run("initdb", "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync")
        started.start()
        try:
            yield started
        finally:
            started.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: str, template: str = "template1") -> str:
    """Create a database, empty or a copy of another that nobody uses, and return its URL."""
    name = f"t{os.getpid()}_{next(_names)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    head, _, query = server.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{'?' + query if query else ''}"


def _user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    return None


def _binary(name: str) -> str:
    # Debian installs the server's programs outside the path.
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    for candidate in (*installed, shutil.which(name)):
        if candidate:
            return str(candidate)
    raise FileNotFoundError(f"{name} of PostgreSQL is not installed; .ci/run installs it (Debian: postgresql).")
