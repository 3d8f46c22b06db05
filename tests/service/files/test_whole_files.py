"""Output files appear whole or not at all, even if the process is stopped, the disk is full or an earlier run was killed."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.files.layout import RejectsFile
from service.files.output import OutputFailed, OutputRefused, check_paths, remove_stale, whole_file
from tests.models.small_model import manifest
from tests.service.files.test_batch import as_csv, write

CHILD = """
import os, resource, signal, sys
from service.files import batch
real = batch.RejectsFile.write
def write(self, scored):
    real(self, scored)
    {fault}
batch.RejectsFile.write = write
from service.cli import main
main(["score", "in.csv", "out.csv", "--bundle", sys.argv[1]])
"""
ROOT = Path(__file__).parents[3]


def score(folder: Path, bundle: Path, fault: str) -> subprocess.CompletedProcess[str]:
    """Run `tidewaiter score` in a separate process, with a fault after its first chunk, when both output files are open."""
    program = f"import os; os.chdir({str(folder)!r})" + CHILD.format(fault=fault)
    return subprocess.run(
        [sys.executable, "-c", program, str(bundle)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TIDEWAITER_OPSIN": "false"},
        capture_output=True,
        text=True,
        check=False,
        # Tests that run under nohup would otherwise pass on that SIGHUP is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    columns = manifest(40)
    write(tmp_path / "in.csv", as_csv(columns, ["", "x"]))
    write(tmp_path / "out.csv", "of an earlier run")
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("sent", ["SIGTERM", pytest.param("SIGHUP", marks=pytest.mark.long)])
def test_signals_to_stop_remove_incomplete_files_and_end_with_143(folder: Path, bundle: Path, sent: str) -> None:
    ended = score(folder, bundle, f"os.kill(os.getpid(), signal.{sent})")
    assert ended.returncode == 143
    assert ended.stderr == "tidewaiter: Stopped. No incomplete file is left.\n"
    assert files(folder) == ["in.csv", "out.csv"]
    assert (folder / "out.csv").read_text() == "of an earlier run"


@pytest.mark.long
@pytest.mark.slow
def test_a_second_sigterm_does_not_interrupt_the_removal_of_incomplete_files(folder: Path, bundle: Path) -> None:
    again = "output._remove = lambda part: (os.kill(os.getpid(), signal.SIGTERM), remove(part))"
    faults = [
        "from service.files import output",
        "remove = output._remove",
        again,
        "os.kill(os.getpid(), signal.SIGTERM)",
    ]
    ended = score(folder, bundle, "; ".join(faults))
    assert ended.returncode == 143, ended.stderr
    assert files(folder) == ["in.csv", "out.csv"]


@pytest.mark.slow
@pytest.mark.long
def test_the_run_after_a_kill_removes_the_files_of_the_killed_run(folder: Path, bundle: Path) -> None:
    assert score(folder, bundle, "os.kill(os.getpid(), signal.SIGKILL)").returncode == -signal.SIGKILL
    assert (folder / "out.csv").read_text() == "of an earlier run"
    left = [name for name in files(folder) if name.endswith(".part")]
    assert len(left) == 2
    ended = score(folder, bundle, "")
    assert ended.returncode == 0, ended.stderr
    assert files(folder) == ["in.csv", "out.csv", "out.csv.rejects.csv"]


@pytest.mark.long
@pytest.mark.slow
def test_a_full_disk_leaves_the_earlier_file_and_says_so(folder: Path, bundle: Path) -> None:
    full = "resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))"
    ended = score(folder, bundle, full)
    assert ended.returncode == 70
    assert "cannot be written completely (File too large)" in ended.stderr
    assert files(folder) == ["in.csv", "out.csv"]
    assert (folder / "out.csv").read_text() == "of an earlier run"


def test_a_full_disk_is_an_error_of_the_output(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    target = tmp_path / "out.csv"

    def write_too_much() -> None:
        with whole_file(target) as file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
            file.write(b"x" * 100)
            file.flush()

    try:
        with pytest.raises(OutputFailed, match="cannot be written completely"):
            write_too_much()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert files(tmp_path) == []


def test_only_stale_files_of_the_same_output_are_removed(tmp_path: Path) -> None:
    stale = write(tmp_path / ".out.csv.0123abcd.part", "left by a killed run")
    others = [
        write(tmp_path / name, "")
        for name in (".out.csv.part", ".out.csv.0123abcd.part.txt", ".other.csv.0123abcd.part", "out.csv.0123abcd.part")
    ]
    remove_stale(tmp_path / "out.csv")
    assert not stale.exists()
    assert all(path.exists() for path in others)


def test_a_run_without_rejects_removes_the_rejects_of_killed_and_earlier_runs(tmp_path: Path) -> None:
    path = write(tmp_path / "out.csv.rejects.csv", "of an earlier run")
    write(tmp_path / ".out.csv.rejects.csv.0123abcd.part", "left by a killed run")
    with RejectsFile(path) as rejects:
        assert files(tmp_path) == ["out.csv.rejects.csv"]
    assert rejects.rows == 0
    assert files(tmp_path) == []


def test_a_file_that_is_being_written_is_not_removed_as_stale(tmp_path: Path) -> None:
    with whole_file(tmp_path / "out.csv") as first:
        first.write(b"first")
        with whole_file(tmp_path / "out.csv") as second:
            second.write(b"second")
        assert (tmp_path / "out.csv").read_bytes() == b"second"
    assert (tmp_path / "out.csv").read_bytes() == b"first"
    assert files(tmp_path) == ["out.csv"]


def test_a_locked_file_of_another_process_is_not_removed(tmp_path: Path) -> None:
    part = write(tmp_path / ".out.csv.0123abcd.part", "")
    with part.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        remove_stale(tmp_path / "out.csv")
        assert part.exists()


def test_no_file_is_written_among_devices_or_over_one(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "")
    with pytest.raises(OutputRefused, match="The rejects file would lie among devices"):
        check_paths([("input", source), ("output", tmp_path / "o.csv"), ("rejects", Path("/dev/stdin.rejects.csv"))])
    with pytest.raises(OutputRefused, match="The output file would lie among devices"):
        check_paths([("input", source), ("output", Path("/dev/fd/out.csv"))])
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(OutputRefused, match="a pipe or a device, which the output would replace"):
        check_paths([("input", source), ("output", tmp_path / "pipe.csv")])
    (tmp_path / "null.csv").symlink_to("/dev/null")
    with pytest.raises(OutputRefused, match="a pipe or a device"):
        check_paths([("input", source), ("output", tmp_path / "null.csv")])
