"""Headless Chromium whose microphone is a WAV file of the test's choosing.

A browser has one microphone file for all its pages, so people who are to sound different need a browser each.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--disable-crash-reporter",
    "--disable-breakpad",
    "--autoplay-policy=no-user-gesture-required",
    # Peers on one machine find each other without multicast DNS, and over the loopback interface.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)


def chromium_path() -> str | None:
    """The system's Chromium (``REJOINDER_CHROMIUM`` names another), or None: Playwright's own."""
    return os.environ.get("REJOINDER_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def launch(
    playwright: Playwright,
    microphone: Path | None = None,
    *,
    ask: Literal["allow", "deny"] = "allow",
    devices: bool = True,
    flags: Sequence[str] = (),
) -> Browser:
    """Start a browser.

    ``microphone``: a WAV file, played over and over as every page's microphone. Without it the microphone beeps once a
    second. ``ask``: what the person answers when a page asks for a device. The camera is Chromium's moving test image.
    ``devices=False``: a machine without microphone and camera.
    """
    answer = "" if ask == "allow" else "=deny"
    fakes = [f"--use-fake-ui-for-media-stream{answer}"]
    if devices:
        fakes.append("--use-fake-device-for-media-stream")
    if microphone is not None:
        fakes.append(f"--use-file-for-fake-audio-capture={microphone}")
    return playwright.chromium.launch(executable_path=chromium_path(), headless=True, args=[*FLAGS, *fakes, *flags])


def new_page(browser: Browser, *, phone: bool = False, dark: bool = False) -> Page:
    """A page in a context of its own: its own storage, desktop or phone size, light or dark."""
    return new_context(browser, phone=phone, dark=dark).new_page()


def new_context(browser: Browser, *, phone: bool = False, dark: bool = False) -> BrowserContext:
    """A browser context, see :func:`new_page`."""
    size = (390, 844) if phone else (1280, 800)
    return browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        has_touch=phone,
        is_mobile=phone,
        device_scale_factor=2 if phone else 1,
        reduced_motion="reduce",
        locale="en-GB",
    )
