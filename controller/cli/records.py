"""For whoever has to know what happened: the journal's proof, exports, history, recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.options import fail

journal = typer.Typer(no_args_is_help=True, help="The journal: prove it, export it.")
DataDirectory = Annotated[
    Path, typer.Option("--data", envvar="HELOOP_DATA", exists=True, file_okay=False, help="Data directory.")
]


@journal.command("verify")
def verify(
    data: DataDirectory,
    head: Annotated[
        list[str] | None, typer.Option("--head", help="NUMBER:HASH that was sent out, to be found.")
    ] = None,
) -> None:
    """Prove that the journal is what was written: hash chain, anchors, every sample, the file itself."""
    from controller.record.chain import Head
    from controller.record.errors import RecordError
    from controller.record.verify import verify as prove

    try:
        verdict = prove(data, [Head.parse(text) for text in head or ()])
    except (RecordError, ValueError) as error:
        fail(str(error))
    for remark in verdict.remarks:
        typer.echo(remark)
    for problem in verdict.problems:
        typer.echo(str(problem), err=True)
    if not verdict.good:
        fail(f"{len(verdict.problems)} problems in {data}")
    typer.echo(
        f"good: {verdict.events} events, {verdict.rows} rows in {verdict.blocks} blocks, head {verdict.head}"
    )


def register(app: typer.Typer) -> None:
    app.add_typer(journal, name="journal")
