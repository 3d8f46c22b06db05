"""A client that openapi-python-client makes from the OpenAPI document, against a running service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.app import create_app
from service.core.settings import Settings
from tests.service.served import served

#: `make test-long` installs the generator there.
TOOLS = Path(f"{sys.prefix}-client/bin")
#: What a user writes. The answers are objects of the generated classes.
PROGRAM = """
import io
import sys

from generated import Client
from generated.api.goods import goods
from generated.api.scoring import score, score_batch, score_csv
from generated.api.substances import substances
from generated.models import Batch, Consignee, Consignor, GoodsItem, ScoreCsvBody, Shipment
from generated.types import File

with Client(base_url=sys.argv[1], raise_on_unexpected_status=True) as client:
    toys = Shipment(
        shipment_id="运单-2026-1",
        consignor=Consignor(name="深圳某某玩具有限公司", country="CN"),
        consignee=Consignee(country="US"),
        items=[GoodsItem(goods_description="儿童玩具", hs_code="950300", net_mass_kg=1.2)],
    )
    answer = score.sync(client=client, body=toys)
    assert (answer.shipment_id, answer.lane) == ("运单-2026-1", "green"), answer
    powder = Shipment(shipment_id="运单-2026-2", items=[GoodsItem(goods_description="芬太尼粉末")])
    answer = score.sync(client=client, body=powder)
    assert (answer.lane, answer.items[0].substance.name) == ("red", "Fentanyl"), answer
    assert answer.reasons[0].text
    both = score_batch.sync(client=client, body=Batch(shipments=[toys, powder]))
    assert [one.shipment_id for one in both.results] == ["运单-2026-1", "运单-2026-2"], both
    empty = score.sync_detailed(client=client, body=Shipment(shipment_id="运单-2026-3", items=[]))
    assert (empty.status_code, empty.parsed.errors[0].field) == (422, "items"), empty
    table = File(io.BytesIO("shipment_id,goods_description\\n运单,儿童玩具\\n".encode()), "may.csv", "text/csv")
    lines = score_csv.sync_detailed(client=client, body=ScoreCsvBody(file=table)).content.decode().splitlines()
    assert lines[1].startswith("运单,儿童玩具,"), lines
    assert substances.sync(client=client, q="芬太尼").substance == "Fentanyl"
    assert goods.sync(client=client, q="儿童玩具").chapters[0].code == "95"
"""


@pytest.mark.skipif(not TOOLS.is_dir(), reason="`make test-long` installs the generator of clients")
def test_a_generated_client_scores_manifests_in_chinese(tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(create_app(Settings()).openapi()), encoding="utf-8")

    def run(*command: str) -> None:
        # The generator formats its output with the ruff that it finds.
        environment = {**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    generate = ("generate", "--path", "openapi.json", "--meta", "none", "--output-path", "generated")
    run(str(TOOLS / "openapi-python-client"), *generate, "--fail-on-warning")
    with served(folder=tmp_path) as server:
        run(str(TOOLS / "python"), "-W", "error", "-c", PROGRAM, f"http://127.0.0.1:{server.port}")
