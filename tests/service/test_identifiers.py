"""Random names of requests and decisions."""

import uuid

from service.identifiers import new_ids


def test_ids_are_different_random_uuids_in_their_usual_form() -> None:
    ids = new_ids(500)
    assert len(set(ids)) == 500
    assert all(str(uuid.UUID(one)) == one and uuid.UUID(one).version == 4 for one in ids)
    assert {uuid.UUID(one).variant for one in ids} == {uuid.RFC_4122}
    # Each of the other 30 digits takes all values.
    assert all(len({one[at] for one in ids}) == 16 for at in (0, 7, 9, 12, 15, 17, 20, 22, 25, 35))


def test_no_ids_are_none() -> None:
    assert new_ids(0) == []
