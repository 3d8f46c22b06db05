"""Sign-in with an OpenID Connect provider, such as that of the office, by Authlib: the code flow with PKCE, state and nonce.

The provider says who somebody is; the role is that of the account here. An account without a password belongs to whoever first
signs in with its login as verified e-mail address. From then on the identifier of the provider (``iss`` and ``sub``) counts, which
stays when an address changes hands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.starlette_client import OAuth
from httpx2 import HTTPError
from itsdangerous import BadSignature
from joserfc.errors import JoseError

from service.console import people
from service.console.session import is_local
from service.console.visit import Problem
from service.core.logs import logger

if TYPE_CHECKING:
    from itsdangerous import URLSafeTimedSerializer
    from starlette.requests import Request
    from starlette.responses import Response

    from service.console.people import Identity
    from service.console.visit import Visit
    from service.core.settings import Settings

#: Cookie with state, nonce and verifier of a sign-in, where it is valid, and for how many seconds.
_COOKIE, _PATH, _SECONDS = "tidewaiter-provider", "/sign-in", 600
_RETURN: Final = "/sign-in/return"
#: Seconds that the provider may take for an answer.
_TIMEOUT: Final = 10.0


class Provider:
    """The provider of the settings.

    Args:
        signer: signs the cookie of a sign-in.
    """

    def __init__(self, settings: Settings, signer: URLSafeTimedSerializer) -> None:
        issuer, secret = settings.oidc_issuer or "", settings.oidc_client_secret
        self._issuer: Final = issuer.rstrip("/")
        self._signer: Final = signer
        self._client: Final = OAuth().register(
            "provider",
            client_id=settings.oidc_client_id,
            client_secret=secret.get_secret_value() if secret else None,
            server_metadata_url=f"{self._issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": _TIMEOUT},
        )

    async def begin(self, visit: Visit, to: str) -> Response:
        """Return the redirection to the provider.

        Args:
            to: path to go to after sign-in.

        Raises:
            Problem: the provider does not answer.
        """
        request = visit.request
        kept: dict[str, Any] = {"to": to}
        request.scope["session"] = kept
        try:
            response: Response = await self._client.authorize_redirect(request, f"{request.base_url}{_RETURN[1:]}")
        except (HTTPError, ValueError, KeyError) as error:
            raise self._away(error) from None
        content = self._signer.dumps(kept)
        response.set_cookie(
            _COOKIE, content, max_age=_SECONDS, httponly=True, samesite="lax", secure=not is_local(request), path=_PATH
        )
        return response

    async def end(self, visit: Visit) -> tuple[Identity, str]:
        """Return who comes back from the provider, and the path to go to.

        Raises:
            Problem: the provider has refused or does not answer, the sign-in is too old or not of this browser, or there is no
                such account.
        """
        request = visit.request
        kept = self._kept(request)
        request.scope["session"] = kept
        try:
            token = await self._client.authorize_access_token(request)
            claims = token["userinfo"]
            subject = f"{claims['iss']} {claims['sub']}"
        except HTTPError as error:
            raise self._away(error) from None
        except (OAuthError, JoseError, ValueError, KeyError) as error:
            logger().warning("sign_in_refused", provider=self._issuer, problem=str(error) or type(error).__name__)
            raise _refused("The sign-in was refused or took too long; try again.") from None
        email = str(claims.get("email") or "") if claims.get("email_verified") is True else ""
        person = await visit.run(people.of_provider, visit.database, subject, email)
        if person is None:
            logger().warning("sign_in_refused", provider=self._issuer, problem="no account", subject=subject)
            raise _refused(
                "You have no account here. Ask an administrator to add one with your e-mail address as login and without a "
                "password."
            )
        return person, str(kept.get("to") or "/queue")

    def _kept(self, request: Request) -> dict[str, Any]:
        try:
            kept = self._signer.loads(request.cookies.get(_COOKIE, ""), max_age=_SECONDS)
        except BadSignature:
            return {}
        return kept if isinstance(kept, dict) else {}

    def _away(self, error: Exception) -> Problem:
        logger().warning("provider_away", provider=self._issuer, problem=str(error) or type(error).__name__)
        return Problem(
            502, {"detail": "The identity provider does not answer as expected. Try again, or sign in with a password."}
        )


def _refused(detail: str) -> Problem:
    return Problem(403, {"detail": detail})
