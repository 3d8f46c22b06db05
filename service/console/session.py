"""Sessions: a signed cookie names the person, and forms contain a token that other sites cannot know.

The cookie has the id of the person and the epoch of the account. A change of password or role and a sign-out increase the epoch,
and so end all sessions of the person. No session is renewed. The token of forms depends on the person alone. A form therefore stays
valid when the person signs in again, and no typed text is lost.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from itsdangerous import BadSignature, URLSafeTimedSerializer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from service.console.people import Identity

#: Name of the cookie, of the form field and of the header with the token.
COOKIE: Final = "tidewaiter"
FIELD: Final = "token"
HEADER: Final = "x-form-token"
#: Duration of a session in seconds.
SECONDS: Final = 12 * 3600


@dataclass(frozen=True, slots=True)
class Session:
    """Content of a valid cookie.

    Attributes:
        person_id: id of the person.
        epoch: epoch of the account at sign-in.
    """

    person_id: str
    epoch: int


class Sessions:
    """Makes and reads cookies and tokens.

    Args:
        secret: text that all workers share; None: random, for a service without a store.
    """

    def __init__(self, secret: str | None) -> None:
        key = secrets.token_hex(32) if secret is None else secret
        self._key: Final = hashlib.sha256(b"tidewaiter console\0" + key.encode()).digest()
        self._signer: Final = self.signer("session")

    def signer(self, purpose: str) -> URLSafeTimedSerializer:
        """Return what signs and reads the cookies of a purpose, with their time."""
        return URLSafeTimedSerializer(self._key, salt=purpose, signer_kwargs={"digest_method": hashlib.sha256})

    def read(self, request: Request) -> Session | None:
        """Return the session of a request; None without a valid cookie."""
        try:
            person_id, epoch = self._signer.loads(request.cookies.get(COOKIE, ""), max_age=SECONDS)
        except (BadSignature, TypeError, ValueError):
            return None
        return Session(str(person_id), int(epoch))

    def write(self, response: Response, request: Request, person: Identity) -> None:
        """Set the cookie of a person."""
        value = self._signer.dumps([person.id, person.epoch])
        response.set_cookie(
            COOKIE, value, max_age=SECONDS, httponly=True, samesite="lax", secure=not is_local(request), path="/"
        )

    def end(self, response: Response, request: Request) -> None:
        """Delete the cookie."""
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=not is_local(request))

    def token_of(self, person_id: str) -> str:
        """Return the token of the forms of a person; an empty id stands for one who has not signed in."""
        return hmac.new(self._key, b"form\0" + person_id.encode(), hashlib.sha256).hexdigest()[:32]

    def is_token(self, given: str, person_id: str) -> bool:
        """Return whether a token is that of the person."""
        return hmac.compare_digest(given.encode(), self.token_of(person_id).encode())


def is_local(request: Request) -> bool:
    """Return whether the browser has reached the service by a loopback address, where cookies need no TLS."""
    name = request.url.hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
