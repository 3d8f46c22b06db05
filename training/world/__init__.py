"""The simulator of trade, parties, trafficking networks and inspections."""

from training.world.output import write
from training.world.too_easy import TooEasy, TooEasyReport
from training.world.world import WorldChunk, generate, sample

__all__ = ["TooEasy", "TooEasyReport", "WorldChunk", "generate", "sample", "write"]
