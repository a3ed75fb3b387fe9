"""The SDK's record classes."""

from __future__ import annotations

from agor_core.client import records
from agor_core.models import ENTITIES, Session
from agor_core.models.wire import to_wire


def test_a_record_keeps_what_it_does_not_know() -> None:
    """Fields of a newer daemon survive a round trip."""
    sent = {**to_wire(Session(agent="x")), "brand_new": 1}
    record = records.Session.from_wire(sent)
    assert record.agent == "x"
    assert record.extra == {"brand_new": 1}
    assert {name: value for name, value in record.to_wire().items() if name in sent} == sent


def test_every_entity_has_a_record_class() -> None:
    """No entity is missing from the SDK."""
    assert all(hasattr(records, entity.__name__) for entity in ENTITIES.values())
