"""Sign-in, sign-out, and the first account of a service on a loopback address."""

from __future__ import annotations

import time
from typing import Final

import orjson
from starlette.responses import Response

from service.console import people
from service.console.people import Identity, PersonRefused
from service.console.roles import Role
from service.console.visit import Elsewhere, Page, Problem, Visit
from service.core.logs import logger

#: Characters of a refused login in the log.
_MOST_LOGGED: Final = 100


async def home(visit: Visit) -> Response:
    """Go to the queue."""
    return visit.redirect("/queue")


async def form(visit: Visit) -> Response:
    """Show the form for signing in."""
    has_people = await _has_people(visit)
    return await visit.page("signing.html", to=_target(visit), login="", problem=None, has_people=has_people)


async def sign_in(visit: Visit) -> Response:
    """Sign a person in, and go to the page that was asked for."""
    given = await visit.form()
    login, password = str(given.get("login", "")), str(given.get("password", ""))
    wait = _wait(visit, login)
    person = None if wait else await visit.run(people.signed_in, visit.database, login, password)
    if person is None:
        problem = _too_many(wait) if wait else "Login or password is wrong."
        logger().warning("sign_in_refused", login=login.strip().lower()[:_MOST_LOGGED], problem=problem)
        block = "again" if visit.is_part else None
        values = {"to": _target(visit), "login": login, "problem": problem, "has_people": True}
        return await visit.page("signing.html", block, status=422 if not visit.is_part else 200, **values)
    # The page reloads if another person than before has signed in.
    news = {"HX-Trigger": orjson.dumps({"signed-in": {"person": person.id}}).decode()}
    response = Response(status_code=204, headers=news) if visit.is_part else visit.redirect(_target(visit))
    _begin(visit, response, person)
    return response


def _begin(visit: Visit, response: Response, person: Identity) -> None:
    """Begin a session, and log it."""
    logger().info("signed_in", person=person.id)
    visit.site.sessions.write(response, visit.request, person)


def _wait(visit: Visit, login: str) -> int:
    """Count an attempt to give a password. Return 0, or the seconds to wait after too many from an address or for a login."""
    client, now = visit.request.client, time.monotonic()
    by_address, by_login = visit.site.attempts
    return max(by_address.count(client.host if client else "-", now), by_login.count(login.strip().lower(), now))


def _too_many(wait: int) -> str:
    return f"Too many attempts; wait {wait} seconds."


async def to_provider(visit: Visit) -> Response:
    """Go to the identity provider."""
    return await _provider(visit).begin(visit, _target(visit))


async def from_provider(visit: Visit) -> Response:
    """Sign the person in whom the identity provider sends back."""
    person, to = await _provider(visit).end(visit)
    response = visit.redirect(to)
    _begin(visit, response, person)
    return response


def _provider(visit: Visit) -> Elsewhere:
    if visit.site.provider is None:
        raise Problem(404, {"detail": "This service has no identity provider."})
    return visit.site.provider


async def sign_out(visit: Visit) -> Response:
    """End all sessions of the person."""
    response = visit.redirect("/sign-in")
    await visit.run(people.sign_out, visit.database, visit.person.id)
    visit.site.sessions.end(response, visit.request)
    return response


async def account(visit: Visit) -> Response:
    """Show the form for the first account of a loopback service, or for a new password."""
    return await visit.page("account.html", problem=None, login="", name="")


async def change_account(visit: Visit) -> Response:
    """Add the first account, or change the password of the person."""
    given = {name: str(value) for name, value in (await visit.form()).items()}
    person: Identity | None = None
    try:
        if given.get("password") != given.get("repeated"):
            raise PersonRefused("password", "the two are not equal")
        if visit.person.is_local:
            wanted = (given.get("login", ""), given.get("name", "") or given.get("login", ""), Role.ADMINISTRATOR)
            person = await visit.run(
                people.add, visit.database, *wanted, password=given.get("password", ""), actor=visit.person.id
            )
        else:
            if wait := _wait(visit, visit.person.login):
                raise Problem(429, {"detail": _too_many(wait)})
            known = await visit.run(people.signed_in, visit.database, visit.person.login, given.get("old", ""))
            if known is None:
                raise PersonRefused("old password", "is wrong")
            changed = given.get("password", "")
            await visit.run(people.change, visit.database, known.id, password=changed, actor=known.id)
            person = await visit.read(people.with_id, known.id)
    except PersonRefused as error:
        values = {
            "problem": error.sentence,
            "login": given.get("login", ""),
            "name": given.get("name", ""),
        }
        return await visit.page("account.html", status=422, **values)
    response = visit.redirect("/queue")
    if person is not None:
        visit.site.sessions.write(response, visit.request, person)
    return response


async def _has_people(visit: Visit) -> bool:
    return await visit.read(visit.site.has_people)


def _target(visit: Visit) -> str:
    """Return the path to go to after sign-in: one of this site, never another site's."""
    given = visit.request.query_params.get("to", "")
    return given if given.startswith("/") and not given.startswith(("//", "/\\")) else "/queue"


PAGES: Final = (
    Page("GET", "/", None, home),
    Page("GET", "/sign-in", None, form),
    Page("POST", "/sign-in", None, sign_in),
    Page("GET", "/sign-in/provider", None, to_provider),
    Page("GET", "/sign-in/return", None, from_provider),
    Page("POST", "/sign-out", Role.VIEWER, sign_out),
    Page("GET", "/account", Role.VIEWER, account),
    Page("POST", "/account", Role.VIEWER, change_account),
)
