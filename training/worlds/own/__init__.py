"""The simulator of trade, parties, trafficking networks and inspections."""

from training.worlds.own.checks.too_easy import TooEasyReport, too_easy
from training.worlds.own.output import write
from training.worlds.own.world import WorldChunk, generate, sample

__all__ = ["TooEasyReport", "WorldChunk", "generate", "sample", "too_easy", "write"]
