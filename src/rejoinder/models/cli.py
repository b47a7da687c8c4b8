"""``rejoinder models``: list, fetch and verify the local models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

from rejoinder import errors
from rejoinder.models import fetch as cache
from rejoinder.models.catalogue import CATALOGUE, DEFAULT
from rejoinder.settings import Settings

models_app = typer.Typer(help="List, fetch and verify the local models.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(help="Names of models; without any: those offline use takes.")]


@contextmanager
def progress_bars(console: Console | None = None) -> Iterator[cache.Progress]:
    """Show downloads as bars on the terminal; yields the callback for
    :func:`rejoinder.models.fetch.ensure`."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console or Console(stderr=True)) as bars:
        tasks: dict[tuple[str, str], TaskID] = {}

        def show(model: str, file: str, done: int, total: int) -> None:
            key = (model, file)
            if key not in tasks:
                tasks[key] = bars.add_task(f"{model} {file}", total=total)
            bars.update(tasks[key], completed=done)

        yield show


@models_app.command("list")
def list_models() -> None:
    """Show all models, their licence, size, and whether they are here."""
    table = Table("name", "what it is", "licence", "download", "here")
    for state in cache.status(Settings()):
        model = state.model
        here = "yes" if state.ready else f"{100 * state.present // model.size} %" if state.present else "no"
        table.add_row(model.name, model.title, model.licence, f"{model.size / 1e6:.0f} MB", here)
    Console().print(table)


@models_app.command("fetch")
def fetch_models(names: Names = None) -> None:
    """Download what is missing."""
    try:
        with progress_bars() as progress:
            folders = cache.ensure(names or DEFAULT, Settings(), progress)
    except errors.RejoinderError as error:
        _fail(error)
    for name, folder in folders.items():
        typer.echo(f"{name}: {folder}")


@models_app.command("verify")
def verify_models(names: Names = None) -> None:
    """Compare the SHA-256 of every file with the pinned one; wrong files are deleted."""
    settings = Settings()
    present = [state.model.name for state in cache.status(settings) if state.present]
    try:
        states = cache.verify(names or [name for name in CATALOGUE if name in present], settings, discard=True)
    except errors.RejoinderError as error:
        _fail(error)
    for state in states:
        typer.echo(f"{state.state:8} {state.file}")
    if any(state.state != "ok" for state in states):
        typer.echo("Run 'rejoinder models fetch' to get what is missing.", err=True)
        raise typer.Exit(1)
    if not states:
        typer.echo("No models are here yet.")


def _fail(error: errors.RejoinderError) -> None:
    typer.echo(str(error), err=True)
    raise typer.Exit(1) from error
