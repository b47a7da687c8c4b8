"""``rejoinder profiles``: add, list and remove signed-in browser profiles, or sign in here."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from rejoinder.browser.chromium import find_chromium
from rejoinder.browser.profiles import MAX_BYTES, Profiles
from rejoinder.core.signin import PART_RULE, profile_name
from rejoinder.errors import InvalidRequest, RejoinderError, Unavailable
from rejoinder.settings import Settings

profiles_app = typer.Typer(
    help="Signed-in browser profiles: accounts that bots join meetings with.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="GROUP, or GROUP/ACCOUNT where a group has several accounts.")]
Account = Annotated[str | None, typer.Option(help="Only bots of this account may use it; left out: all.")]


@profiles_app.command("add")
def add_profile(
    name: Name,
    file: Annotated[str, typer.Argument(help="A storage state as Playwright writes it (JSON); - for standard input.")],
    account: Account = None,
) -> None:
    """Store a profile, or replace it."""
    profiles, known = _profiles(), _known(name)
    profiles.save(known, read_state(file), account)
    _say(profiles, known)


@profiles_app.command("list")
def list_profiles() -> None:
    """Show the profiles: name, whose cookies they have, free or in use, for whose bots."""
    profiles = _profiles()
    for name in profiles.names():
        _say(profiles, name)


@profiles_app.command("remove")
def remove_profile(name: Name) -> None:
    """Forget a profile. The account stays signed in at its platform until it is signed out there."""
    _profiles().delete(_known(name))


@profiles_app.command("sign-in")
def sign_in(
    name: Name,
    url: Annotated[str, typer.Option(help="Where to sign in.")] = "https://accounts.google.com",
    account: Account = None,
) -> None:
    """Open a browser window to sign in with, and store what comes of it. Needs a display."""
    profiles, known = _profiles(), _known(name)
    if not url.startswith(("https://", "http://")):
        raise InvalidRequest("--url must start with https://", field="url")
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise Unavailable(
            "there is no display for a browser window: sign in on a computer that has one, with the same "
            f"REJOINDER_PROFILE_KEY, and copy the profile's file here, or use rejoinder profiles add {known} FILE"
        )
    profiles.save(known, asyncio.run(_signed_in(url, find_chromium(Settings().chromium))), account)
    _say(profiles, known)


async def _signed_in(url: str, chromium: str) -> Mapping[str, Any]:
    try:
        from playwright.async_api import Error, async_playwright
    except ImportError as error:
        raise Unavailable("signing in needs Playwright: install rejoinder[browser]") from error
    try:
        async with async_playwright() as playwright:
            root = hasattr(os, "geteuid") and os.geteuid() == 0  # for whom Chromium has no sandbox
            browser = await playwright.chromium.launch(
                executable_path=chromium, headless=False, chromium_sandbox=not root
            )
            context = await browser.new_context(no_viewport=True)
            await (await context.new_page()).goto(url)
            typer.echo("Sign in in the window, leave it open, and press Enter here when you are done.", err=True)
            if not await asyncio.to_thread(sys.stdin.readline):
                raise InvalidRequest("nobody pressed Enter: standard input was closed")
            # Some platforms (Teams) keep their sign-in in IndexedDB.
            return dict(await context.storage_state(indexed_db=True))
    except Error as error:
        raise Unavailable(f"the browser window is not there: {str(error).splitlines()[0]}") from error


def read_state(file: str) -> Mapping[str, Any]:
    """The JSON object in a file, or on standard input (``-``). Raises InvalidRequest."""
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
            data = source.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}", field="file") from error
    if len(data) > MAX_BYTES:
        raise InvalidRequest(f"{file} has more than {MAX_BYTES} bytes", field="file")
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise InvalidRequest(f"{file} is not a JSON object", field="file")
    return found


def _profiles() -> Profiles:
    return Profiles.of(Settings())


def _known(name: str) -> str:
    found = profile_name(name)
    if found is None:
        raise InvalidRequest(f"a profile's name is GROUP or GROUP/ACCOUNT, each {PART_RULE}", field="name")
    return found


def _say(profiles: Profiles, name: str) -> None:
    """A line of the list; a profile that cannot be read is one, too."""
    try:
        profile = profiles.load(name)
    except RejoinderError as error:
        typer.echo(f"{name}\t{error}")
        return
    use = "in use" if profiles.leased(name) else "free"
    typer.echo("\t".join((name, ", ".join(profile.domains) or "no cookies", use, profile.account or "all bots")))
