"""The registered model on another machine, where only its own requirements are installed."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from features.substances import opsin
from training.evaluation.evaluation import TrainResult
from training.registry.pyfunc_model import score_frame
from training.registry.tracking import (
    REGISTERED_NAME,
    REQUIREMENTS,
    client,
    experiment_id,
    model_signature,
    register_bundle,
)

ROOT = Path(__file__).resolve().parents[3]
#: Manifests whose chemicals are read by name, by structure and with OPSIN.
MANIFESTS = [
    {"shipment_id": "a", "declared_chemical": "fentanyl hydrochloride", "net_mass_kg": "0.1"},
    {"shipment_id": "b", "declared_chemical": "CCC(=O)N(c1ccccc1)C1CCN(CCc2ccccc2)CC1"},
    {"shipment_id": "c", "declared_chemical": "N-(1-(2-phenylethyl)piperidin-4-yl)-N-phenylpentanamide"},
    {"shipment_id": "d", "goods_description": "mens cotton tshirt", "hs_code": "6109.10"},
]

#: Loads and runs a model where modules of all distributions but the given ones are missing.
ELSEWHERE = """
import json, sys
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions
from packaging.utils import canonicalize_name

uri, installed, manifests, root = json.loads(sys.stdin.read())
owners = packages_distributions()
# The packages of this project must come with the model.
sys.path[:] = [folder for folder in sys.path if folder != root]
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        of = owners.get(name.partition(".")[0])
        if of and of != ["tidewaiter"] and not any(canonicalize_name(each) in installed for each in of):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Missing())
import mlflow.pyfunc
import pandas as pd

scores = mlflow.pyfunc.load_model(uri).predict(pd.DataFrame(manifests))
sys.stdout.write(scores.to_json(orient="records", double_precision=15))
"""


def with_dependencies(names: tuple[str, ...]) -> list[str]:
    """Return the distributions and, in turn, all that they require."""
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            required = [Requirement(text) for text in requires(name) or ()]
            waiting += [
                canonicalize_name(each.name)
                for each in required
                if each.marker is None or each.marker.evaluate({"extra": ""})
            ]
    return sorted(found)


@pytest.fixture(scope="module")
def model_uri(trained: TrainResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Register a model and return the address of its files."""
    folder = tmp_path_factory.mktemp("registered")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    tracking = client(uri)
    assert trained.bundle is not None
    with mlflow.start_run(experiment_id=experiment_id(tracking, uri)):
        version = register_bundle(trained.model, trained.bundle, tmp_path_factory.mktemp("scratch"))
    return str(Path(tracking.get_model_version_download_uri(REGISTERED_NAME, version).removeprefix("file://")))


@pytest.mark.long
def test_it_scores_where_only_its_requirements_are_installed(model_uri: str, trained: TrainResult) -> None:
    request = json.dumps([model_uri, with_dependencies(REQUIREMENTS), MANIFESTS, str(ROOT)])
    command = [sys.executable, "-W", "ignore", "-c", ELSEWHERE]
    elsewhere = subprocess.run(
        command, input=request, capture_output=True, text=True, timeout=300, check=False, cwd=Path(model_uri).parent
    )
    assert elsewhere.returncode == 0, elsewhere.stderr
    here = score_frame(trained.model, pd.DataFrame(MANIFESTS))
    scores = pd.DataFrame(json.loads(elsewhere.stdout))
    assert scores["risk"].tolist() == pytest.approx(here["risk"].tolist(), rel=1e-12)
    assert scores["lane"].tolist() == here["lane"].tolist()
    # The third chemical is read with OPSIN, which is a requirement too.
    assert opsin().available
    assert scores["unread"].isna().all()
    assert here["unread"].isna().all()


@pytest.mark.long
def test_its_signature_names_the_columns_that_it_returns(trained: TrainResult) -> None:
    returned = score_frame(trained.model, pd.DataFrame(MANIFESTS)).columns
    outputs = model_signature(trained.model).outputs
    assert outputs is not None
    assert sorted(outputs.input_names()) == sorted(returned)
