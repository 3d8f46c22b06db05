"""All tables of the store. Each subject describes its own; migrations create them.

Times are whole microseconds since 1970 in UTC, so that both engines store and compare them alike. Names of columns for times end
in ``_at``. JSON documents are stored as UTF-8 bytes, exactly as they were written.
"""

from service.audit.tables import AuditHead
from service.core.database.tables import AuditEntry, Base, IdempotentRequest
from service.history.tables import CheckpointPart, HistoryCheckpoint, HistoryEvent
from service.inspections.tables import Outcome, Override, QueueEntry
from service.jobs.tables import Job
from service.keys.tables import ApiKey
from service.lists.tables import Dismissal, ListRevision, PermitRow, SuppressionRow, WatchEntry
from service.scoring.tables import Decision
from service.webhooks.tables import Delivery, Webhook

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
