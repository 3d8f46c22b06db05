"""HTTP connections with limits on heads, times, transfer rates and numbers."""

from service.connections.limits import Connections, Limits
from service.connections.protocol import LimitedProtocol

__all__ = ["Connections", "LimitedProtocol", "Limits"]
