"""What pages tell the browser about themselves, and whether a request comes from one of our own pages."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

PAGE_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "media-src 'self' blob: mediastream:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "Permissions-Policy": (
        "camera=(self), microphone=(self), speaker-selection=(self), autoplay=(self), fullscreen=(self), "
        "display-capture=(), geolocation=(), payment=(), usb=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
"""Headers of every page. No script or style but our own files; a room's name, which lets people in, is told to nobody
by ``Referer``; nothing is used from a cache without asking, so that the modules of a page are always of one version."""


def same_origin(headers: Mapping[str, str], base_url: str) -> bool:
    """Whether a browser says that one of our own pages makes this request.

    ``headers`` have lower-case names. ``Origin`` must be the host the request went to, or ``base_url`` (a reverse
    proxy may change ``Host``); ``Sec-Fetch-Site`` must be "same-origin" where a browser sends it. A request with
    neither does not come from a page (https://www.w3.org/TR/fetch-metadata/).
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None:
        return site is not None
    return _ours(origin, headers, base_url)


def foreign_page(headers: Mapping[str, str], base_url: str) -> bool:
    """Whether a page of another site makes this request. Programs that are no browsers send no ``Origin``."""
    origin = headers.get("origin")
    return origin is not None and not _ours(origin, headers, base_url)


def _ours(origin: str, headers: Mapping[str, str], base_url: str) -> bool:
    said = urlsplit(origin)
    base = urlsplit(base_url)
    if not said.netloc:
        return False
    return said.netloc == headers.get("host") or (said.scheme, said.netloc) == (base.scheme, base.netloc)
