"""Chromium's command line, all of it: Playwright's own list is not used, so that there is one list to read.

Of ``--disable-features`` and of ``--enable-features`` Chromium heeds only the last; there must be exactly one of each.
Nothing here hides that a program drives the browser: sites that ask are told (``navigator.webdriver``).
"""

from __future__ import annotations

from collections.abc import Sequence

LANGUAGE = "en-US"
"""Pinned by flag, header and context: a page in the language of the server's address is the commonest cause of a button
that is not found."""
WINDOW = (1280, 800)

DISABLED_FEATURES = (
    "AudioServiceOutOfProcess",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "MediaRouter",
    "OptimizationHints",
    "PaintHolding",
    "Translate",
)
"""What costs time, memory or asks the network unasked, and, as in Playwright's list, what gets in the way of being
driven."""
ENABLED_FEATURES = ("NetworkServiceInProcess2",)
"""The services for network and sound are part of the browser's process: it saves two processes (40 MB), and a fault of
theirs is seen as the browser's death; as processes of their own they die silently, and all sound with them."""

_ALWAYS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-startup-window",
    "--enable-automation",
    # Media in the page: no question, no gesture, no sound card.
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
    # A page nobody looks at must run as one that is looked at.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-hang-monitor",
    "--disable-ipc-flooding-protection",
    # No graphics card: half the CPU.
    "--disable-gpu",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    f"--window-size={WINDOW[0]},{WINDOW[1]}",
    "--force-device-scale-factor=1",
    # Containers have 64 MB of /dev/shm.
    "--disable-dev-shm-usage",
    # Nothing but the meeting goes over the network.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-component-extensions-with-background-pages",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-field-trial-config",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-service-autorun",
    "--disable-search-engine-choice-screen",
    "--password-store=basic",
    "--use-mock-keychain",
    "--disable-popup-blocking",
    "--disable-prompt-on-repost",
    "--disable-back-forward-cache",
    # UDP to the meeting's media server must not share its fate with HTTP/3.
    "--disable-quic",
    f"--lang={LANGUAGE}",
    f"--accept-lang={LANGUAGE}",
)


def chromium_flags(user_data_dir: str, *, root: bool, extra: Sequence[str] = ()) -> list[str]:
    """The whole command line after the program's name.

    ``root``: Chromium's sandbox cannot be had as root. ``extra``: more flags; features they disable or enable are
    merged into the lists (the last word on a feature counts), any other flag named as one here replaces it.
    """
    features = {"--disable-features": list(DISABLED_FEATURES), "--enable-features": list(ENABLED_FEATURES)}
    named = {_name(flag): flag for flag in _ALWAYS}
    named["--user-data-dir"] = f"--user-data-dir={user_data_dir}"
    if root:
        named["--no-sandbox"] = "--no-sandbox"
    for flag in extra:
        name, _, value = flag.partition("=")
        if name in features:
            given = [feature for feature in value.split(",") if feature]
            for kind, known in features.items():
                features[kind] = [feature for feature in known if kind == name or feature not in given]
            features[name] += [feature for feature in given if feature not in features[name]]
        else:
            named[name] = flag
    return [*named.values(), *(f"{name}={','.join(known)}" for name, known in features.items() if known)]


def _name(flag: str) -> str:
    return flag.partition("=")[0]
