"""Evidence for and against illicit content, as documented weights."""

from models.evidence.prior import Entry, EntryWeights, Evidence, EvidenceGroup, Prior, Term
from models.evidence.reading import DEFAULT, PLACES, EvidenceFault, parse_evidence, read_evidence

__all__ = [
    "DEFAULT",
    "PLACES",
    "Entry",
    "EntryWeights",
    "Evidence",
    "EvidenceFault",
    "EvidenceGroup",
    "Prior",
    "Term",
    "parse_evidence",
    "read_evidence",
]
