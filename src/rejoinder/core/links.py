"""Which platform a meeting link belongs to, by its looks alone."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

PlatformName = Literal["GMeet", "Zoom", "Teams", "Room"]
"""MeetStream's platform words, and ``Room`` for the built-in one."""

# The vendors' own hosts: Google Meet; Zoom with its company subdomains and its government cloud; Teams for work
# (commercial and the government clouds) and for private use.
_HOSTS: dict[str, PlatformName] = {
    "meet.google.com": "GMeet",
    "zoom.us": "Zoom",
    "zoom.com": "Zoom",
    "zoomgov.com": "Zoom",
    "teams.microsoft.com": "Teams",
    "teams.cloud.microsoft": "Teams",
    "teams.microsoft.us": "Teams",
    "teams.live.com": "Teams",
}


def platform_of(link: str) -> PlatformName:
    """The platform by the link's host (with or without ``https://``); everything unknown may be the room's."""
    text = link.strip()
    try:
        host = urlsplit(text if "://" in text else f"https://{text}").hostname or ""
    except ValueError:
        return "Room"
    labels = host.rstrip(".").split(".")
    for first in range(len(labels) - 1):
        if (name := _HOSTS.get(".".join(labels[first:]))) is not None:
            return name
    return "Room"
