"""The model's page: its card, drift with a view per alarm, the shadow, and promotion and rollback by a person."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from models.bundle import ModelStore, champion_dir, describe
from service.app import create_app
from service.backtests import shadow
from service.console import kept, promoting
from service.console.roles import Role
from service.console.screens.model import card_of
from service.core.database.engine import Database
from service.core.database.tables import AuditEntry
from service.core.database.times import now_us
from service.core.settings import Settings
from service.jobs.child import folder_lock
from service.training.__main__ import main
from tests.service.api_client import Client, serving
from tests.service.console.conftest import Officer, database_of, settings_of, sign_in
from tests.service.store.test_monitoring import fill
from training.gate.checks import Verdict


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages wait for what is made in the background."""
    monkeypatch.setattr(kept, "WAIT", 30.0)


def promotions(database: Database) -> list[tuple[str, str | None, Any]]:
    query = select(AuditEntry.__table__).where(AuditEntry.kind == "promotion").order_by(AuditEntry.number)
    with database.read() as connection:
        return [(row.subject, row.actor, orjson.loads(row.facts)) for row in connection.execute(query)]


def test_a_shifted_feed_has_a_view_of_its_alarm(office: Client) -> None:
    database, model = database_of(office), office.state.host.served.model
    fill(database, model, weeks=range(2, 8), end=now_us())
    fill(database, model, weeks=range(1, 2), end=now_us(), without_hs=0.4)
    assert 'href="/model/drift/missing"' in office.get("/model").text
    page = office.get("/model/drift/missing").text
    assert "whether the feed or its mapping has changed" in page
    [row] = re.findall(r'<th scope="row">hs_code</th>(.*?)</tr>', page)
    shares = [float(one) for one in re.findall(r"([\d.]+)%", row)]
    # Four weeks of the reference and three later ones, then the mean of the reference and the latest share.
    assert len(shares) == 9
    assert max(shares[:6]) < 15 < min(shares[6], shares[8])
    assert office.get("/model/drift/nothing").status_code == 404


def test_a_shadow_is_compared_and_its_absence_is_told(office: Client, other_bundle: Path) -> None:
    assert "No second model scores beside this one" in office.get("/model").text
    shadow.start(database_of(office), other_bundle, "a test")
    page = office.get("/model?part=shadow", headers={"HX-Request": "true"}).text
    assert "only the shadow" in page
    assert "0 shipments, 0 with a result" in page
    assert "<html" not in page


def test_a_person_promotes_with_a_reason_and_rolls_back(
    models: Path, tmp_path: Path, other_bundle: Path, verdicts: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_of(models, tmp_path, jobs_dir=tmp_path / "jobs")

    class Child:
        """Runs in this process."""

        def __init__(self, command: list[str], *, env: dict[str, str], pass_fds: tuple[int], **_: Any) -> None:
            assert pass_fds
            for name in (name for name in env if name.startswith("TIDEWAITER_")):
                monkeypatch.setenv(name, env[name])
            self.code = main(Path(command[-1]))

        def wait(self) -> int:
            return self.code

    monkeypatch.setattr(subprocess, "Popen", Child)
    with serving(create_app(settings)) as client:
        lead, database = sign_in(client, "a.lead", Role.LEAD), database_of(client)
        shadow.start(database, other_bundle, "a test")
        before = ModelStore(models).current()
        assert lead.post("/model/promote", folder="shadow", reason="  ok ").status_code == 422
        assert lead.post("/model/promote", folder="../..", reason="good reasons").status_code == 422
        verdicts.append(Verdict("ranking", "fail", "It ranks worse."))
        assert lead.post("/model/promote", folder="shadow", reason="finds more here").status_code == 303
        page = lead.get("/model").text
        assert "Failed: ranking" in page
        assert "It ranks worse." in page
        assert (ModelStore(models).current(), promotions(database)) == (before, [])
        verdicts[:] = [Verdict("ranking", "pass", "It ranks better.")]
        assert lead.post("/model/promote", folder="shadow", reason="finds more\nhere").status_code == 303
        digest = describe(other_bundle).digest
        [(subject, actor, facts)] = promotions(database)
        assert (subject, facts["reason"], facts["checks"]) == (digest, "finds more here", {"ranking": "pass"})
        assert actor == person_of(lead, database)
        assert lead.post("/model/rollback", reason="").status_code == 422
        assert lead.post("/model/rollback", reason="finds fewer").status_code == 303
        assert ModelStore(models).current() == before
        assert promotions(database)[1][1:] == (actor, {**promotions(database)[1][2], "reason": "finds fewer"})
        page = lead.get("/model").text
        assert "finds fewer" in page
        assert "A.Lead" in page


def person_of(lead: Officer, database: Database) -> str:
    from service.console import people

    with database.read() as connection:
        return next(one.id for one in people.every(connection) if one.name == "A.Lead")


def test_two_promotions_do_not_run_at_once(small_store: Path, tmp_path: Path, other_bundle: Path) -> None:
    settings = Settings(models_dir=small_store, jobs_dir=tmp_path)
    assert promoting.state_of(settings) is None
    with (
        folder_lock(promoting.folder_of(settings), ".lock"),
        pytest.raises(promoting.PromotionRefused, match="Another promotion is running"),
    ):
        promoting.start(settings, other_bundle, "somebody", "a reason")
    with pytest.raises(promoting.PromotionRefused, match="bundle"):
        promoting.start(settings, tmp_path, "somebody", "a reason")


def test_a_rollback_with_nothing_before_it_is_refused_and_a_damaged_version_is_shown(
    models: Path, tmp_path: Path
) -> None:
    with serving(create_app(settings_of(models, tmp_path))) as client:
        lead = sign_in(client, "a.lead", Role.LEAD)
        assert f"Roll back to {describe(champion_dir()).version}" in lead.get("/model").text
        assert lead.post("/model/rollback", reason="to the champion").status_code == 303
        answer = lead.post("/model/rollback", reason="and further back")
        assert answer.status_code == 409
        assert "the bundled champion is in use" in answer.text
        [version] = ModelStore(models).versions()
        (version / "bundle.json").write_text("{}")
        page = lead.get("/model")
        assert page.status_code == 200
        assert version.name in page.text


def test_the_champions_card_has_worlds_reliability_and_origins() -> None:
    path = Path(__file__).parents[3] / "models" / "champion" / "card.json"
    shown = card_of(orjson.loads(path.read_bytes())["metrics"])
    assert len(shown["worlds"]) == len(shown["origins"]) == 8
    assert [one["name"] for one in shown["reliability"]][-1] == "mean"
    # A ratio of 1 lies in the middle, and the bounds on both sides of it.
    low, high = shown["bounds"]
    assert low + high == pytest.approx(1.0)
    assert card_of({}) == {"worlds": {}, "reliability": [], "bounds": [], "origins": [], "most_rate": 0.0}
