"""The ``rejoinder`` command."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from rejoinder.browser.cli import profiles_app
from rejoinder.errors import RejoinderError
from rejoinder.models.cli import models_app, progress_bars
from rejoinder.settings import Settings

app = typer.Typer(help="Meeting bots you host yourself.", no_args_is_help=True, pretty_exceptions_show_locals=False)
keys_app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)
app.add_typer(models_app, name="models")
app.add_typer(keys_app, name="keys")
app.add_typer(profiles_app, name="profiles")

FIRST_ROOM = "hello"


def main() -> None:
    """Entry point: errors we know are one sentence, not a traceback."""
    try:
        app()
    except RejoinderError as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}")
        sys.exit(1)


def _models(settings: Settings) -> dict[str, Path]:
    from rejoinder import plugins
    from rejoinder.models.fetch import ensure

    with progress_bars() as progress:
        return ensure(plugins.models_needed(settings), settings, progress)


@app.command()
def run(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    name: Annotated[str, typer.Option(help="The assistant's name; people call it by this.")] = "Robin",
) -> None:
    """Serve everything on this computer, with the assistant waiting in a room. Offline after the first download."""
    settings = _settings(host, port, allow_loopback_urls=True)
    out = Console(stderr=True)
    out.print("Getting the speech and language models ready (once, about 1.2 GB) ...")
    models = _models(settings)

    async def serve() -> None:
        server = _server(settings, models)
        invited: list[asyncio.Task[Any]] = []

        def started() -> None:
            invited.append(asyncio.get_running_loop().create_task(server.invite(FIRST_ROOM, name, stay=True)))
            place = f"{_shown(settings)}/room/{FIRST_ROOM}"
            out.print(f"\n[bold]{name} is waiting for you:[/bold] {place}")
            out.print(f"API: {_shown(settings)}/docs   stop with Ctrl-C\n")

        await server.serve(started)

    _run(serve())


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes to keep running; 0: none here.")] = None,
    agent: Annotated[bool, typer.Option(help="Load the models of the built-in agent.")] = True,
) -> None:
    """Serve the API and the room, and keep workers running, with settings from the environment (REJOINDER_*)."""
    settings = _settings(host, port, **({} if workers is None else {"workers": workers}))
    models = _models(settings) if agent else None

    async def go() -> None:
        from rejoinder.app.server import WORKER_COMMAND

        command = [*WORKER_COMMAND, "--agent" if agent else "--no-agent"]
        await _server(settings, models, command).serve()

    _run(go())


@app.command()
def worker(
    agent: Annotated[bool, typer.Option(help="Load the models of the built-in agent.")] = True,
    supervised: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run bots for a server elsewhere that uses the same database (REJOINDER_DATABASE_URL, REJOINDER_PUBLIC_URL)."""
    settings = _settings(None, None)
    if not supervised and settings.database_url is None:
        raise RejoinderError("A worker of its own needs REJOINDER_DATABASE_URL (PostgreSQL), shared with the server.")
    models = _models(settings) if agent else None

    async def go() -> None:
        import signal

        from rejoinder.app.worker import work
        from rejoinder.engine.supervisor import watch_parent

        if supervised:
            watch_parent()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await work(settings, models, stop)

    _run(go())


@app.command()
def demo(
    wav: Annotated[Path, typer.Option(help="Where to leave the recording of the meeting.")] = Path(
        "rejoinder-demo.wav"
    ),
    png: Annotated[Path | None, typer.Option(help="Also draw the turns' waterfalls into this file.")] = None,
) -> None:
    """A meeting without people or microphones: scripted participants talk with the bot, and hear its answers."""
    from rejoinder import demo as scene
    from rejoinder import log, waterfall

    settings = Settings(log_level="ERROR")
    log.configure(settings)
    models = _models(settings)
    out = Console(highlight=False, markup=False, soft_wrap=True)
    try:
        report = _run(scene.run(settings, models, wav, out.print))
    except* RejoinderError as errors:
        raise errors.exceptions[0] from None
    out.print("\n" + scene.summary(report))
    if png is not None:
        waterfall.picture([turn for turn in report.turns if turn["marks"].get("speech_end")], png)
        out.print(f"waterfalls: {png}")
    for failure in report.failures:
        Console(stderr=True).print(f"[red]failed:[/red] {failure}")
    if report.failures:
        raise typer.Exit(1)


@app.command()
def doctor(
    meeting: Annotated[str | None, typer.Option(help="Join this meeting, say what is seen, and leave.")] = None,
    name: Annotated[str, typer.Option(help="The bot's name in it.")] = "rejoinder doctor",
    seconds: Annotated[float, typer.Option(help="How long to stay.")] = 20.0,
    profile: Annotated[str | None, typer.Option(help="Join signed in: GROUP or GROUP/ACCOUNT.")] = None,
) -> None:
    """Look at every part of this installation, and, with --meeting, try a real join and keep evidence."""
    from rejoinder.doctor import Visit, examine, sign_in

    settings = _settings(None, None, log_level="WARNING")
    out = Console(highlight=False, markup=False, soft_wrap=True)

    async def look() -> bool:
        well = True
        async for finding in examine(settings):
            well &= finding.well
            out.print(f"{'well ' if finding.well else 'WRONG'}  {finding.part}: {finding.seen}")
        return well

    async def visit(link: str) -> bool:
        stay = Visit(settings, link, name, out.print, None if profile is None else sign_in(profile))
        inside = await stay.run(seconds)
        if stay.evidence.exists():
            out.print(f"evidence: {stay.evidence}")
        return inside

    well = _run(look())
    if meeting is not None:
        well = _run(visit(meeting))
    if not well:
        raise typer.Exit(1)


@app.command()
def trace(
    bot: Annotated[str, typer.Argument(help="The bot's id.")],
    png: Annotated[Path | None, typer.Option(help="Draw the waterfalls into this file.")] = None,
    url: Annotated[str | None, typer.Option(help="The server, if not the one of the settings.")] = None,
    key: Annotated[str | None, typer.Option(envvar="REJOINDER_API_KEY", help="API key.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many of the latest turns.")] = 10,
) -> None:
    """Show where the time of a bot's answers went."""
    from rejoinder import waterfall

    turns = _run(_turns(url or Settings().base_url, bot, key))[-last:]
    turns = [turn for turn in turns if turn["marks"].get("speech_end")]
    if png is not None:
        waterfall.picture(turns, png)
    out = Console(highlight=False, markup=False, soft_wrap=True)
    out.print("\n\n".join(waterfall.text(turn) for turn in turns) or "No answered turns yet.")


async def _turns(url: str, bot: str, key: str | None) -> list[dict[str, Any]]:
    import aiohttp

    headers = {"Authorization": f"Token {key}"} if key else {}
    try:
        async with aiohttp.ClientSession(headers=headers) as http:
            async with http.get(f"{url}/api/v1/bots/{bot}/turns") as response:
                body = await response.json()
                if response.status != 200:
                    raise RejoinderError(f"{url} answered {response.status}: {body.get('message', body)}")
                return list(body["turns"])
    except aiohttp.ClientError as error:
        raise RejoinderError(f"cannot reach {url}: {error}") from error


@keys_app.command("create")
def create_key(
    name: str,
    account: Annotated[str, typer.Option(help="Whose bots it may see.")] = "default",
    dialect: Annotated[str | None, typer.Option(help="Whose API its owner speaks: meetstream or attendee.")] = None,
) -> None:
    """Make an API key. It is shown once; only its hash is kept."""
    typer.echo(_run(_with_keys(lambda keys: keys.create(name, account, dialect))))


@keys_app.command("list")
def list_keys() -> None:
    """Show the keys' names."""
    for key in _run(_with_keys(lambda keys: keys.list())):
        made = datetime.fromtimestamp(key.created_at, UTC).isoformat(timespec="seconds")
        typer.echo(f"{key.name}\t{key.account}\t{made}")


@keys_app.command("revoke")
def revoke_key(name: str) -> None:
    """Make a key useless at once."""
    _run(_with_keys(lambda keys: keys.remove(name)))


async def _with_keys(call: Callable[[Any], Awaitable[Any]]) -> Any:
    from rejoinder.app.stores import Stores

    stores = Stores(Settings())
    try:
        await stores.open()
        return await call(stores.keys)
    finally:
        await stores.close()


def _settings(host: str | None, port: int | None, **more: object) -> Settings:
    from rejoinder import log

    given = {"host": host, "port": port}
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = Settings(**chosen, **more)  # type: ignore[arg-type]
    log.configure(settings)
    return settings


def _server(settings: Settings, models: dict[str, Path] | None, worker_command: list[str] | None = None) -> Any:
    from rejoinder.app.server import Server

    def first(key: str) -> None:
        Console(stderr=True).print(f"Your API key (shown once): [bold]{key}[/bold]")

    return Server(settings, models, worker_command=worker_command, on_first_key=first)


def _shown(settings: Settings) -> str:
    """The address as a person would type it; microphones need localhost or https."""
    return settings.base_url.replace("127.0.0.1", "localhost").replace("0.0.0.0", "localhost")


def _run(coroutine: Any) -> Any:
    from rejoinder.media.loop import new_event_loop

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(coroutine)
