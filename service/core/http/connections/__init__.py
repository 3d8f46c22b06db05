"""HTTP connections with limits on heads, times, transfer rates and numbers."""

from service.core.http.connections.limits import Connections, Limits
from service.core.http.connections.protocol import LimitedProtocol

__all__ = ["Connections", "LimitedProtocol", "Limits"]
