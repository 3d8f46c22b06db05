"""``tidewaiter propose`` and ``tidewaiter proposals``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from service.proposals.repository import Proposed

proposals_app = typer.Typer(
    name="proposals", help="List, accept and decline proposals.", no_args_is_help=True, rich_markup_mode=None
)

_ACTOR = "tidewaiter proposals"
ProposalId = Annotated[str, typer.Argument(metavar="ID", help="Id of the proposal.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit chain.")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Also write the proposals as JSON; - for standard output.")
]


def propose(
    finds: Annotated[
        list[str],
        typer.Option("--from-find", metavar="OUTCOME_ID...", help="Outcomes that are finds, alike if several."),
    ],
    further: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    json_file: JsonFile = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="DIR", help="Bundle; default: the version in service.")
    ] = None,
) -> None:
    """Draft rules from finds: what they share and other traffic does not, tried on the last 90 days of the store.

    Nothing is in force before a person accepts it (`tidewaiter proposals accept`).
    """
    from service.core.chemistry import set_up
    from service.core.commands import WrongUse, environment, load_model, open_database
    from service.core.database.times import now_us
    from service.proposals import repository
    from service.proposals.past import BadOutcomes

    set_up(environment())
    model = load_model(bundle)
    with open_database(existing=True) as database:
        try:
            proposed = repository.propose(
                database, model, [*finds, *(further or ())], caller="tidewaiter propose", now=now_us()
            )
        except BadOutcomes as error:
            raise WrongUse(f"--from-find: {error}.") from None
    _print(proposed, json_file, "The finds share nothing that other traffic does not. Give finds of one scheme.")


@proposals_app.command("list")
def list_proposals(json_file: JsonFile = None) -> None:
    """Show all proposals, the latest first."""
    from service.core.commands import open_database
    from service.core.database.times import now_us
    from service.proposals import repository

    with open_database(existing=True) as database:
        repository.retire(database, now_us())
        with database.read() as connection:
            known = repository.every(connection)
    _print(known, json_file, "There are no proposals yet: see `tidewaiter propose`.")


@proposals_app.command()
def accept(proposal: ProposalId, reason: Reason) -> None:
    """Put a proposal into force, until it ends or finds too little. A running service takes it over within a second."""
    _decide(proposal, "accepted", reason)


@proposals_app.command()
def decline(proposal: ProposalId, reason: Reason) -> None:
    """Decline a proposal, or end one that is in force."""
    _decide(proposal, "declined", reason)


def _decide(proposal: str, state: Literal["accepted", "declined"], reason: str) -> None:
    from service.core.commands import WrongUse, open_database, to_stdout
    from service.core.database.times import now_us
    from service.proposals import repository

    if not reason.strip():
        raise WrongUse("--reason: say why.")
    with open_database(existing=True) as database:
        try:
            one = repository.decide(database, proposal, state, reason, caller=_ACTOR, now=now_us())
        except (repository.Unknown, repository.NotOpen) as error:
            raise WrongUse(f"{error}.") from None
    to_stdout().print(f"{one.rule_id} is {one.state}: {one.text}", markup=False, soft_wrap=True)


def _print(proposals: list[Proposed], json_file: Path | None, nothing: str) -> None:
    from service.core.commands import to_stdout, write_json
    from service.proposals.routes import shown

    if json_file is not None:
        write_json(json_file, {"proposals": [shown(one) for one in proposals]})
    if json_file == Path("-"):
        return
    console = to_stdout()
    if not proposals:
        console.print(nothing, markup=False)
    for one in proposals:
        console.print(_card(one), markup=False, soft_wrap=True)


def _card(one: Proposed) -> str:
    """Return a proposal as some lines."""
    tried: dict[str, Any] = one.backtest
    results = "no other one inspected"
    if tried["inspected"]:
        results = f"finds in {tried['finds']} of {tried['inspected']} other inspections ({tried['low']:.0%} to {tried['high']:.0%})"
    days = "a day" if round(tried["days"]) == 1 else f"{tried['days']:,.0f} days"
    why = f": {one.reason}" if one.reason else ""
    return (
        f"{one.id}  {one.state}{why}\n  {one.text}.\n"
        f"  It would have opened {tried['opened']:,} of {tried['shipments']:,} shipments in {days}: {results}, "
        f"{tried['already_red']:.0%} red without it. Weight {one.weight:.1f}.\n"
    )


COMMANDS = (propose, proposals_app)
