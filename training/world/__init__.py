"""The simulator of trade, parties, trafficking networks and inspections."""

from training.world.output import write
from training.world.world import WorldChunk, generate, sample

__all__ = ["WorldChunk", "generate", "sample", "write"]
