"""Sending of messages: checked address, signature, no redirects, limited time; and the task that sends those in the outbox.

The host is resolved once, and all of its addresses must be public. The connection goes to one of the checked addresses, so that a
name server cannot give another answer between check and connection. TLS verifies the certificate for the host's name.

Each worker of the service has one task. Once per second a small query checks whether any address is in use; if so, the task sends
the messages that are due.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import random
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

from service.core.database.times import now_us
from service.core.logs import logger
from service.core.periodic import repeated

if TYPE_CHECKING:
    from service.core.database.engine import Database
    from service.core.settings import Settings
    from service.webhooks.repository import Due, Outbox

#: Longest URL of a webhook, in characters.
LONGEST: Final = 2_000
#: Time limits in seconds, so that a slow receiver does not occupy a thread: for connecting and each read, and for the exchange.
_STEP_SECONDS: Final = 10.0
_WHOLE_SECONDS: Final = 20.0
_PORTS: Final = {"https": 443, "http": 80}
#: Networks of NAT64 (RFC 6052 and RFC 8215), whose addresses contain an IPv4 address in their last bits.
_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
#: Longest description of a problem, in characters.
_LONGEST_PROBLEM: Final = 200
_USER_AGENT: Final = "Tidewaiter"
_FIRST_SUCCESS, _FIRST_REDIRECT, _FIRST_ERROR = 200, 300, 400

#: Function that returns the addresses of a host and a port, see `resolve`.
Resolve = Callable[[str, int], list[str]]


class Refused(ValueError):
    """Error for an address that messages may not be sent to."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Addresses that messages may be sent to: public ones with TLS, and those that the attributes add.

    Attributes:
        http: whether addresses without TLS are allowed.
        private: whether private, loopback and link-local addresses are allowed.
    """

    http: bool = False
    private: bool = False


def policy_of(settings: Settings) -> Policy:
    """Return the policy that the settings give."""
    return Policy(settings.webhook_http, settings.webhook_private)


@dataclass(frozen=True, slots=True)
class Reply:
    """Result of a message: the HTTP status if there was an answer, and the problem unless the receiver accepted it."""

    status: int | None
    problem: str | None


def check_url(url: str, policy: Policy) -> SplitResult:
    """Check a URL and return its parts.

    Raises:
        Refused: the URL cannot be used.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused(f"cannot be read: {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise Refused("must be an address such as https://office.example/tidewaiter")
    if parts.scheme == "http" and not policy.http:
        raise Refused("must begin with https:// (TIDEWAITER_WEBHOOK_HTTP allows http)")
    if parts.username is not None or parts.password is not None:
        raise Refused("must not contain a user or a password; messages are signed")
    if parts.fragment or not url.isprintable() or not url.isascii() or " " in url or len(url) > LONGEST or port == 0:
        raise Refused(f"must be ASCII of at most {LONGEST} characters, without blanks, fragment or port 0")
    if _is_address(parts.hostname) and not policy.private and not is_public(parts.hostname):
        raise Refused("is a private address (TIDEWAITER_WEBHOOK_PRIVATE allows it)")
    return parts


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to the public network."""
    # A link-local address may name its interface: fe80::1%eth0.
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is None and any(parsed in network for network in _NAT64):
            inner = ipaddress.IPv4Address(parsed.packed[-4:])
        if parsed.teredo is not None:
            return False
        if inner is not None:
            parsed = inner
    return parsed.is_global and not parsed.is_multicast


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host.

    Raises:
        OSError: the host has none, or cannot be resolved.
    """
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


def signature(secret: str, at: int, body: bytes) -> str:
    """Return the value of the header ``Tidewaiter-Signature``.

    ``v1`` is the HMAC-SHA256 of ``t``, a point and the body, in hexadecimal digits.

    Args:
        at: seconds since 1970. Receivers refuse old times, so that nobody else can send a recorded message again.
    """
    digest = hmac.new(secret.encode(), b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Sender:
    """Sends messages to checked addresses."""

    def __init__(self, policy: Policy, *, resolve: Resolve = resolve, context: ssl.SSLContext | None = None) -> None:
        """
        Args:
            context: TLS context; by default one that trusts the certificate authorities of the system.
        """
        self._policy, self._resolve = policy, resolve
        self._context = ssl.create_default_context() if context is None else context

    def send(self, url: str, body: bytes, headers: dict[str, str]) -> Reply:
        """Send a message. A status from 200 to 299 means that the receiver accepted it; the body of the answer is not read."""
        try:
            parts = check_url(url, self._policy)
            port = parts.port or _PORTS[parts.scheme]
            connection = self._connection(parts, port)
        except Refused as error:
            return Reply(None, f"the address {error}")
        except (OSError, UnicodeError) as error:
            return Reply(None, f"the host cannot be resolved: {_text_of(error)}")
        ending = threading.Timer(_WHOLE_SECONDS, connection.abort)
        ending.daemon = True
        ending.start()
        try:
            path = parts.path or "/"
            connection.request("POST", f"{path}?{parts.query}" if parts.query else path, body, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            late = connection.aborted
            return Reply(
                None, f"no answer within {_WHOLE_SECONDS:.0f} seconds" if late else f"no answer: {_text_of(error)}"
            )
        finally:
            ending.cancel()
            connection.close()
        if _FIRST_SUCCESS <= status < _FIRST_REDIRECT:
            return Reply(status, None)
        note = "; redirects are not followed" if _FIRST_REDIRECT <= status < _FIRST_ERROR else ""
        return Reply(status, f"the answer was {status}{note}")

    def _connection(self, parts: SplitResult, port: int) -> _Connection:
        """Return a connection to a checked address of the host.

        Raises:
            Refused: an address of the host is not public.
        """
        host = parts.hostname or ""
        addresses = self._resolve(host, port)
        if not addresses:
            raise OSError("it has no address")
        if not self._policy.private and not all(map(is_public, addresses)):
            raise Refused("leads to a private, loopback or link-local address (TIDEWAITER_WEBHOOK_PRIVATE allows it)")
        return _Connection(host, port, addresses[0], self._context if parts.scheme == "https" else None)


class _Connection(http.client.HTTPConnection):
    """Connection to one IP address. The certificate is verified for the name of the host."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext | None) -> None:
        super().__init__(host, port, timeout=_STEP_SECONDS)
        self.default_port = _PORTS["http" if context is None else "https"]
        self._address, self._context = address, context
        self.aborted = False

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), _STEP_SECONDS)
        self.sock: Any = plain
        if self._context is not None:
            self.sock = self._context.wrap_socket(plain, server_hostname=self.host)

    def abort(self) -> None:
        """End the exchange from another thread."""
        self.aborted = True
        if self.sock is not None:
            self.sock.shutdown(socket.SHUT_RDWR)


def _text_of(error: BaseException) -> str:
    text: str = (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:_LONGEST_PROBLEM]
    return text


def headers_of(delivery: str, event: str, signed: str) -> dict[str, str]:
    """Return the headers of a message."""
    return {
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        "Tidewaiter-Event": event,
        "Tidewaiter-Delivery": delivery,
        "Tidewaiter-Signature": signed,
        "Connection": "close",
    }


#: Seconds between checks of the outbox.
POLL_SECONDS: Final = 1.0
#: Messages that one worker sends at the same time.
_AT_ONCE: Final = 4
_SECOND: Final = 1_000_000
#: Longest delay after the first failure. It doubles with each further failure, up to `_LONGEST_DELAY`.
_FIRST_DELAY: Final = 5 * _SECOND
_LONGEST_DELAY: Final = 6 * 3600 * _SECOND
#: Attempts after which a delivery is given up: its delays add up to three days at most.
MOST_ATTEMPTS: Final = 24


def delay(attempts: int, chance: float) -> int:
    """Return the microseconds to wait after a number of failed attempts: between half of the doubled delay and all of it.

    Args:
        chance: random number from 0 to 1, which spreads the attempts of many deliveries.
    """
    longest = min(_FIRST_DELAY << min(attempts - 1, 32), _LONGEST_DELAY)
    return int(longest * (0.5 + 0.5 * chance))


class Deliverer:
    """Sends the deliveries of an outbox."""

    def __init__(self, database: Database, outbox: Outbox, sender: Sender) -> None:
        self._database, self._outbox, self._sender = database, outbox, sender
        self._closing = False
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="webhook")

    def work(self) -> int:
        """Send all due messages, and return their number.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database does not answer.
        """
        from service.webhooks import repository

        if not self._outbox.look():
            return 0
        sent = 0
        while not self._closing and (due := repository.claim(self._database, now_us(), _AT_ONCE)):
            for delivery, reply in zip(due, self._threads.map(self._send, due), strict=True):
                self._record(delivery, reply)
            sent += len(due)
        return sent

    def _send(self, due: Due) -> Reply:
        signed = signature(due.secret, now_us() // _SECOND, due.body)
        return self._sender.send(due.url, due.body, headers_of(due.id, due.event, signed))

    def _record(self, due: Due, reply: Reply) -> None:
        from service.webhooks.repository import Attempt, record

        at, attempts = now_us(), due.attempts + 1
        next_at = None
        if reply.problem is not None:
            if attempts < MOST_ATTEMPTS:
                next_at = at + delay(attempts, random.random())
            # The address may contain a token, so the log only gives the id of the webhook.
            logger().warning("webhook_failed", webhook=due.webhook_id, attempts=attempts, problem=reply.problem)
        if record(self._database, due, Attempt(at, reply.status, reply.problem, next_at)):
            logger().error("webhook_disabled", webhook=due.webhook_id, problem=reply.problem)

    @contextlib.asynccontextmanager
    async def working(self, every: float = POLL_SECONDS) -> AsyncIterator[None]:
        """Call `work` every ``every`` seconds, in a thread, until the context ends.

        Messages that were claimed but not sent by then are sent by any worker after their leases end.
        """
        await asyncio.to_thread(self._look_or_skip)
        try:
            async with repeated(self._work_or_log, every, "webhooks"):
                try:
                    yield
                finally:
                    self._closing = True
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _look_or_skip(self) -> None:
        with contextlib.suppress(Exception):
            self._outbox.look()

    def _work_or_log(self) -> None:
        try:
            self.work()
        except Exception as error:
            # The task must survive, because it alone sends the messages of this worker.
            logger().error("webhooks_not_sent", fault=type(error).__name__)
