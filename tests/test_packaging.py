"""Check that requirements, Makefile, Dockerfile and compose.yaml agree with pyproject.toml and with each other."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import setuptools
import yaml

from service.core.http.openapi import Scope
from service.core.settings import Settings
from service.history import key as history_key
from service.keys.key import read_keys
from service.keys.ring import KeyRing
from tests.training.adapting.conftest import office, write

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
OURS = ("tidewaiter", "benchmarks", "features", "models", "service", "tests", "tools", "training")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def pins(path: Path) -> dict[str, str]:
    """Return the exact version by package name of a requirements file."""
    text = path.read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9][a-z0-9.-]*)==([^\s;\\]+)", text, flags=re.MULTILINE))


def named(requirements: list[str]) -> set[str]:
    names = (re.match(r"[A-Za-z0-9._-]+", text) for text in requirements)
    return {re.sub(r"[._]", "-", name[0]).lower() for name in names if name} - {PROJECT["name"]}


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_by_hash_without_a_registry_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"^(?=[^\s#])", text, flags=re.MULTILINE)
    without = [entry.split()[0] for entry in entries if entry.strip() and "--hash=sha256:" not in entry]
    assert not without


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_files_installed_together_pin_the_same_versions(path: Path) -> None:
    everything = pins(ROOT / "requirements" / "dev.txt")
    differing = {name: version for name, version in pins(path).items() if everything.get(name, version) != version}
    if path.name == "bench.txt":
        # The benchmarks have a separate environment, in which BentoML needs other versions. They measure no
        # telemetry.
        differing = {name: version for name, version in differing.items() if not name.startswith("opentelemetry-")}
    if path.name == "client.txt":
        # The generator of clients has a separate environment, in which it needs older packages.
        differing = {name: version for name, version in differing.items() if name not in ("httpx", "typer")}
    assert not differing


def test_requirements_include_the_dependencies_of_pyproject() -> None:
    extras = PROJECT["optional-dependencies"]
    serve, train, dev = (set(pins(ROOT / "requirements" / f"{name}.txt")) for name in ("serve", "train", "dev"))
    assert named(PROJECT["dependencies"]) <= serve
    assert named(extras["train"]) | serve <= train
    assert named([text for extra in extras.values() for text in extra]) | train <= dev


def test_the_serving_requirements_contain_no_training_library() -> None:
    serve = set(pins(ROOT / "requirements" / "serve.txt"))
    assert serve.isdisjoint({"mlflow", "mlflow-skinny", "scikit-learn", "matplotlib", "pandera", "faker", "pytest"})


@pytest.mark.slow
def test_adapting_needs_only_the_serving_requirements(small_store: Path, tmp_path: Path) -> None:
    """Adapt, put the bundle into service, score with it and roll back, without the packages that are not in serve.txt."""
    write(tmp_path / "earlier.csv", office(1_100))
    models = shutil.copytree(small_store, tmp_path / "models")
    serve = set(pins(ROOT / "requirements" / "serve.txt")) | {"setuptools"}
    installed = packages_distributions().items()
    blocked = [name for name, of in installed if {name, *of}.isdisjoint(OURS) and named(of).isdisjoint(serve)]
    assert {"faker", "mlflow", "pandera", "sklearn"} <= set(blocked)
    commands = f"""
import sys
sys.modules.update(dict.fromkeys({blocked!r}))
from service.cli import run
from training.gate import worlds
worlds.SHIPMENTS, worlds.open_worlds = 300, lambda: ["northpost"]
for command in ("adapt --data earlier.csv --bundle adapted", "promote --bundle adapted --json gate.json --force --reason small",
                "score earlier.csv scores.csv", "rollback"):
    assert run(command.split()) == 0, command
"""
    environment = os.environ | {
        "TIDEWAITER_MODELS_DIR": str(models),
        "TIDEWAITER_STORE": "on",
        "PYTHONPATH": str(ROOT),
    }
    run = [sys.executable, "-c", commands]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "MLflow is not installed" in done.stderr
    checks = {check["check"]: check for check in json.loads((tmp_path / "gate.json").read_text())["checks"]}
    # A check that needs those packages says so. All others are made.
    assert [name for name, check in checks.items() if check["text"] == "Needs the packages for training."] == [
        "office's labels"
    ]
    assert set(checks) == {
        "label", "speed", "office's labels", "test sets", "calibration", "origins", "officer's cases"
    }  # fmt: skip


def test_the_makefile_accepts_the_same_python_versions_as_pyproject() -> None:
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()  # type: ignore[union-attr]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"(3, {low}) <= sys.version_info < (3, {high})" in makefile
    assert f"--python-version 3.{low}" in makefile


def make_pythons(*settings: str) -> subprocess.CompletedProcess[str]:
    """Run `make pythons` with a command that prints the arguments of make instead of running it."""
    make = shutil.which("make")
    assert make is not None
    command = [make, "--no-print-directory", "pythons", "MAKE=echo would make", *settings]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_make_pythons_tests_every_version_that_pyproject_names() -> None:
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()  # type: ignore[union-attr]
    versions = [f"python3.{minor}" for minor in range(int(low), int(high))]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"\nPYTHONS ?= {' '.join(versions)}\n" in makefile


def test_make_pythons_continues_after_a_missing_version_and_fails_at_the_end(tmp_path: Path) -> None:
    # This version is installed with pyenv, and its command is not on the path.
    installed = tmp_path / "versions" / "3.98.1" / "bin" / "python3.98"
    installed.parent.mkdir(parents=True)
    installed.symlink_to(sys.executable)
    done = make_pythons("PYTHONS=python3.99 python3.98", f"PYENV_ROOT={tmp_path}")
    expected = f"would make --no-print-directory PYTHON={installed} VENV=.venv-python3.98 test"
    assert done.stdout.split() == expected.split()
    assert "python3.99: not tested, because it does not run here" in done.stderr
    assert done.returncode != 0


def test_make_reports_an_unsupported_python_version(tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make is not None
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.10.13 && exit 0\nexit 1\n', encoding="utf-8")
    old.chmod(0o755)
    done = subprocess.run(
        [make, "demo", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}", "SERVE=0"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert f"{old} is Python 3.10.13; Tidewaiter needs Python 3.11 to 3.13" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_the_wheel_contains_every_module_and_data_file() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    packages = setuptools.find_packages(str(ROOT), include=settings["packages"]["find"]["include"])
    folders = {ROOT / name.replace(".", "/") for name in packages}
    suffixes = {Path(pattern).suffix for pattern in settings["package-data"]["*"]} | {".py"}
    for top in ("features", "models", "training", "service"):
        for path in (ROOT / top).rglob("*"):
            # The wheel build compiles its own extension modules.
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so":
                # A module must be directly in a package. Data may be in a subfolder of one.
                assert path.suffix in suffixes, path
                assert path.parent in folders if path.suffix == ".py" else folders & set(path.parents), path


def test_the_dockerfile_copies_only_existing_files_that_dockerignore_admits() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = [
        source
        for arguments in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, flags=re.MULTILINE)
        for source in arguments.split()[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source in allowed or f"{Path(source).parent}/*{Path(source).suffix}" in allowed, source


def test_each_image_contains_the_bill_of_materials_of_its_own_packages(tmp_path: Path) -> None:
    """Run the commands of the Dockerfile on the files that it has copied before them."""
    files = {"service": "serve", "training": "train"}
    before = DOCKERFILE[: DOCKERFILE.index("-m tools.sbom")]
    for line in re.findall(r"^COPY (?!--from)(.+)$", before, flags=re.MULTILINE):
        *sources, target = line.split()
        for source in [*sources, "requirements/train.txt"]:
            (tmp_path / target).mkdir(exist_ok=True)
            shutil.copy(ROOT / source, tmp_path / target)
    builders = {"service": "builder", "training": "training-builder"}
    stages = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.+?)(?=^FROM |\Z)", DOCKERFILE, flags=re.MULTILINE | re.DOTALL))
    for image, requirements in files.items():
        [command] = re.findall(r"python -m tools\.sbom (.+)", stages[builders[image]])
        source, target = command.split()
        written = tmp_path / image / "sbom.cdx.json"
        run = [sys.executable, "-m", "tools.sbom", source, str(written)]
        subprocess.run(run, cwd=tmp_path, env={}, check=True, timeout=60)
        listed = {one["name"]: one["version"] for one in json.loads(written.read_text())["components"]}
        assert listed == pins(ROOT / "requirements" / f"{requirements}.txt")
        assert f"\nCOPY --from={builders[image]} {Path(target).parent} " in f"\n{stages[image]}"


def test_the_last_stage_serves_as_an_unprivileged_user() -> None:
    stages = re.split(r"^(?=FROM )", DOCKERFILE, flags=re.MULTILINE)
    assert re.match(r"FROM base AS service\n", stages[-1])
    assert "\nUSER 10001:10001\n" in stages[-1]
    assert "\nHEALTHCHECK " in stages[-1]
    assert "train" not in stages[-1]
    assert "pip" not in stages[-1]


def test_compose_publishes_ports_only_on_the_loopback_interface() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_contains_no_secret_and_isolates_the_database() -> None:
    postgres = COMPOSE["services"]["postgres"]
    assert "POSTGRES_PASSWORD" not in postgres["environment"]
    assert postgres["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres_password"
    assert postgres["networks"] == ["database"]
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert COMPOSE["secrets"] == {
        "api_keys": {"file": "./var/secrets/api_keys.json"},
        "history_key": {"file": "./var/secrets/history_key"},
        "postgres_password": {"file": "./var/secrets/postgres_password"},
    }


def test_the_images_serve_with_keys() -> None:
    assert "TIDEWAITER_AUTH=on" in DOCKERFILE
    service = COMPOSE["services"]["service"]
    assert service["environment"] == {
        "TIDEWAITER_KEYS_FILE": "/run/secrets/api_keys",
        "TIDEWAITER_HISTORY_KEY_FILE": "/run/secrets/history_key",
    }
    assert service["secrets"] == ["api_keys", "history_key"]
    settings = Settings(host="0.0.0.0", keys_file=Path("/run/secrets/api_keys"))
    assert settings.needs_keys
    assert settings.access_problem() is None


@pytest.mark.parametrize("name", ["TIDEWAITER_MODELS_DIR", "TIDEWAITER_JOBS_DIR", "TIDEWAITER_JOURNAL_DIR"])
def test_folders_that_must_outlive_the_container_are_in_a_volume(name: str) -> None:
    [folder] = re.findall(rf"{name}=(\S+)", DOCKERFILE)
    [declared] = re.findall(r"^VOLUME (.+)$", DOCKERFILE, flags=re.MULTILINE)
    mounted = [volume.split(":")[1] for volume in COMPOSE["services"]["service"]["volumes"]]
    for volumes in (json.loads(declared), mounted):
        assert any(Path(folder).is_relative_to(volume) for volume in volumes)


def test_compose_secrets_are_made_once_and_the_service_accepts_its_key(tmp_path: Path) -> None:
    command = [sys.executable, "-I", str(ROOT / "tools" / "compose_secrets.py"), str(tmp_path / "secrets")]
    subprocess.run(command, check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == {"api_key", "api_keys.json", "history_key", "postgres_password"}
    assert history_key.read(tmp_path / "secrets" / "history_key") == made["history_key"].decode()
    (key,) = read_keys(tmp_path / "secrets" / "api_keys.json")
    ring = KeyRing({"keys file": lambda: [key]})
    ring.read()
    assert ring.find(made["api_key"].strip()) is not None
    assert key.scopes == frozenset(Scope)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()}
    assert modes == {"api_key": 0o400, "api_keys.json": 0o444, "history_key": 0o444, "postgres_password": 0o444}
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    subprocess.run(command, check=True, timeout=60)
    assert {path.name: path.read_bytes() for path in (tmp_path / "secrets").iterdir()} == made


def test_compose_builds_existing_stages_and_waits_for_health_checks() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, flags=re.MULTILINE))
    checked = {"service"} | {name for name, service in COMPOSE["services"].items() if "healthcheck" in service}
    for service in COMPOSE["services"].values():
        if "build" in service:
            assert service["build"]["target"] in stages
        for name, needed in service.get("depends_on", {}).items():
            assert needed == {"condition": "service_healthy"}
            assert name in checked


def test_the_changelog_starts_with_the_version_of_pyproject() -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert released[0] == PROJECT["version"]
