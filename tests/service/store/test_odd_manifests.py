"""All manifests that are scored without a store are scored, stored and replayed with one. Refused ones change nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from pydantic import SecretStr

from features.groups.history.history import History
from models.bundle import ModelStore
from service.app import create_app
from service.core.database.engine import Database
from service.core.settings import Settings
from service.scoring.decision import LONGEST, content_digest, manifest_json, reference_of
from tests.service.api_client import Client, serving
from tests.service.store.kills import differences

BIG: Final = 10**30
_JSON: Final = {"Content-Type": "application/json"}
#: Bytes of a batch that is large enough for its shipments to be parsed one by one.
_LARGE: Final = 1_100_000
_ID: Final = "".join(chr(number) for number in random.Random(1).sample(range(0x4E00, 0x9FFF), 3000))


@pytest.fixture
def start(tmp_path: Path, bundle: Path, url: str) -> Callable[..., Any]:
    models = tmp_path / "models"
    ModelStore(models).install(bundle)

    @contextmanager
    def start(*, keeps: bool = True) -> Iterator[Client]:
        settings = Settings(models_dir=models, keeps_decisions=keeps, database_url=SecretStr(url))
        with serving(create_app(settings), raise_app_exceptions=False) as client:
            yield client

    return start


def text_of(name: str, *, extra: str = "", item: str = "", shipment_id: str | None = None) -> str:
    """Return a shipment as JSON text, because Python's encoders cannot write everything that a client may send."""
    reference = orjson.dumps(name).decode() if shipment_id is None else shipment_id
    return (
        f'{{"shipment_id": {reference}, "channel": "express", "export_country": "CN", "consignor": {{"name": "Sender {name}"}}'
        f'{extra}, "items": [{{"goods_description": "phone case"{item}}}]}}'
    )


#: Odd content of a manifest -> JSON of the manifest.
ODD: Final = {
    "a large quantity": text_of("quantity", item=f', "quantity": {BIG}'),
    "a large unknown field": text_of("unknown", extra=f', "foo": [-{BIG}]'),
    "a large field of the office": text_of("further", extra=f', "further": {{"licence": {BIG}}}'),
    "a large reference": text_of("reference", shipment_id=str(BIG)),
    "4,000 digits": text_of("digits", extra=f', "foo": {10**3999}'),
    "NaN in an unknown field": text_of("nan", extra=', "foo": NaN, "bar": 1e999'),
    "both": text_of("both", extra=f', "foo": [NaN, {BIG}]'),
    "deep lists": text_of("lists", extra=f', "foo": {"[" * 150}{BIG}{"]" * 150}'),
    "deep objects": text_of("objects", extra=', "foo": ' + '{"a":' * 150 + "1" + "}" * 150),
    "a name twice": text_of("twice", extra=', "foo": 1, "foo": 2, "": 3'),
    "a character 0": text_of("zero", shipment_id='"A\\u0000"', item=', "declared_chemical": "a\\u0000b"'),
    "a long reference": text_of("long", shipment_id=orjson.dumps(_ID).decode()),
}
#: Content that is refused -> JSON of the manifest.
REFUSED: Final = {
    "an infinite quantity": text_of("infinity", item=', "quantity": Infinity'),
    "a lone surrogate": text_of("surrogate", item=', "declared_chemical": "a\\ud800b"'),
    "a lone surrogate in a name": text_of("key", extra=', "f\\ud800": 1'),
    "very deep lists": text_of("very deep", extra=f', "foo": {"[" * 300}{"]" * 300}'),
    "5,000 digits": text_of("very long", extra=f', "foo": 1{"0" * 5000}'),
}


def state_of(client: Client) -> History:
    return client.state.host.served.history.copy()


def batch_of(*texts: str, padding: int = 0) -> bytes:
    return f'{{"padding": "{" " * padding}", "shipments": [{", ".join(texts)}]}}'.encode()


def scored(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "decision_id"}


@pytest.mark.both_engines
def test_odd_manifests_get_the_same_answers_as_without_a_store(start: Callable[..., Any]) -> None:
    answers: dict[bool, list[Any]] = {}
    for keeps in (False, True):
        with start(keeps=keeps) as client:
            single = [client.post("/v1/score", content=text.encode(), headers=_JSON) for text in ODD.values()]
            assert {answer.status_code for answer in single} == {200}
            answers[keeps] = [scored(answer.json()) for answer in single]
            for padding in (0, _LARGE):
                batch = client.post("/v1/score/batch", content=batch_of(*ODD.values(), padding=padding), headers=_JSON)
                assert (batch.status_code, batch.json()["rejected"]) == (200, [])
                answers[keeps] += [scored(answer) for answer in batch.json()["results"]]
    assert answers[True][: len(ODD)] == answers[False][: len(ODD)]
    # With a store, the batches get the first decisions again.
    assert answers[True][len(ODD) :] == answers[True][: len(ODD)] * 2


def test_a_restart_replays_odd_manifests_to_the_last_bit(start: Callable[..., Any], url: str) -> None:
    with start() as client:
        answer = client.post("/v1/score/batch", content=batch_of(*ODD.values()), headers=_JSON)
        assert answer.status_code == 200, answer.text
        before = state_of(client)
    forget_checkpoints(url)
    with start() as client:
        assert differences(state_of(client), before) == []


def forget_checkpoints(url: str) -> None:
    database = Database(url)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM history_checkpoints")
    database.close()


def test_a_stored_manifest_has_all_digits(start: Callable[..., Any]) -> None:
    with start() as client:
        sent = ODD["a large quantity"].encode()
        [decision] = [client.post("/v1/score", content=sent, headers=_JSON).json()["decision_id"]]
        stored = client.get(f"/v1/decisions/{decision}").json()
        assert stored["manifest"]["items"][0]["quantity"] == BIG


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_manifest_changes_and_stores_nothing(start: Callable[..., Any], text: str) -> None:
    with start() as client:
        before = state_of(client)
        for path, body in (("/v1/score", text.encode()), ("/v1/score/batch", batch_of(text))):
            assert client.post(path, content=body, headers=_JSON).status_code == 422
        assert differences(state_of(client), before) == []
        assert client.get("/v1/decisions").json()["decisions"] == []


def test_a_scored_file_with_large_numbers_is_stored(start: Callable[..., Any]) -> None:
    with start() as client:
        content = f"shipment_id,goods_description,quantity,foo\n{BIG},phone case,{BIG},{BIG}\n"
        answer = client.post("/v1/score/csv", content=content.encode(), headers={"Content-Type": "text/csv"})
        assert answer.status_code == 200
        [decision] = client.get("/v1/decisions", params={"shipment_id": str(BIG)}).json()["decisions"]
        assert decision["via"] == "csv"


def test_a_long_reference_is_erased_by_its_declared_form(start: Callable[..., Any]) -> None:
    with start() as client:
        content = ODD["a long reference"].encode()
        assert client.post("/v1/score", content=content, headers=_JSON).json()["shipment_id"] == _ID
        stored = reference_of(_ID)
        assert len(stored) < LONGEST
        found = client.get("/v1/decisions", params={"shipment_id": _ID[:LONGEST]}).json()["decisions"]
        assert found == []
        erased = client.post("/v1/erasures", json={"shipment_id": _ID})
        assert (erased.status_code, erased.json()["decisions"]) == (200, 1)


def test_references_up_to_the_limit_are_kept_and_longer_ones_differ() -> None:
    assert reference_of("A" * LONGEST) == "A" * LONGEST
    one, other = reference_of("A" * LONGEST + "1"), reference_of("A" * LONGEST + "2")
    assert one != other
    assert one.startswith("A" * 400 + " ")


def test_the_order_of_members_does_not_change_the_digest_of_large_numbers() -> None:
    assert content_digest({"a": BIG, "b": 1}) == content_digest({"b": 1, "a": BIG})
    assert content_digest({"a": BIG}) != content_digest({"a": BIG + 1})
    assert manifest_json({"a": BIG, "b": float("nan")}) == b'{"a":%d,"b":null}' % BIG
