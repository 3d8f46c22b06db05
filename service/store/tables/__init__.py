"""Tables of the store. Each module describes the tables of one concern; migrations create them.

Times are whole microseconds since 1970 in UTC, so that both engines store and compare them alike. Names of columns for times end
in ``_at``. JSON documents are stored as UTF-8 bytes, exactly as they were written.
"""

from service.store.tables.audit import AuditEntry
from service.store.tables.base import Base
from service.store.tables.decisions import Decision
from service.store.tables.heads import AuditHead
from service.store.tables.history import CheckpointPart, HistoryCheckpoint, HistoryEvent
from service.store.tables.idempotency import IdempotentRequest
from service.store.tables.jobs import Job
from service.store.tables.keys import ApiKey
from service.store.tables.lists import Dismissal, ListRevision, PermitRow, SuppressionRow, WatchEntry
from service.store.tables.outcomes import Outcome, Override, QueueEntry
from service.store.tables.webhooks import Delivery, Webhook

__all__ = [
    "ApiKey",
    "AuditEntry",
    "AuditHead",
    "Base",
    "CheckpointPart",
    "Decision",
    "Delivery",
    "Dismissal",
    "HistoryCheckpoint",
    "HistoryEvent",
    "IdempotentRequest",
    "Job",
    "ListRevision",
    "Outcome",
    "Override",
    "PermitRow",
    "QueueEntry",
    "SuppressionRow",
    "WatchEntry",
    "Webhook",
]
