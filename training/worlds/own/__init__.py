"""The simulator of trade, parties, trafficking networks and inspections."""

from training.worlds.own.checks.too_easy import TooEasy, TooEasyReport
from training.worlds.own.output import write
from training.worlds.own.world import WorldChunk, generate, sample

__all__ = ["TooEasy", "TooEasyReport", "WorldChunk", "generate", "sample", "write"]
