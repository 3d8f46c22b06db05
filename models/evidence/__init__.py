"""Evidence for and against illicit content, as documented weights."""

from models.evidence.entries import Entry, Evidence, EvidenceGroup, Term
from models.evidence.prior import EntryWeights, Prior
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
