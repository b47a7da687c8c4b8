"""The one guard for URLs that users give: sockets to connect to, images to download.

A user who may create a bot must not be able to make this server talk to its own network (request forgery). Only
the addresses a name resolves to count, never its spelling, and they are checked where the connection is made: a
name that answers differently the second time (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from rejoinder import __version__
from rejoinder.errors import InvalidRequest
from rejoinder.settings import Settings

MAX_URL_CHARS = 2048
RESOLVE_TIMEOUT_S = 5.0
DOWNLOAD_TIMEOUT_S = 10.0
MAX_REDIRECTS = 3

_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Where clouds hand out credentials to whoever asks from inside (AWS, Azure, GCP and others; AWS over IPv6;
# Alibaba; Azure's wire server; Oracle). Never reachable, whatever the settings say.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_NETWORKS = tuple(  # what allow_private_urls opens: RFC 1918, RFC 6598 (carrier NAT), RFC 4193
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The parts of a URL that decide where a connection goes. ``host`` is without brackets."""

    url: str
    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Checked(Parsed):
    """A URL and the addresses it may be connected at, as text, in the resolver's order."""

    addresses: tuple[str, ...]


def parse_url(url: str, schemes: Collection[str], field: str = "url") -> Parsed:
    """Take a URL apart without any network. Raises InvalidRequest that names ``field``."""
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    if len(url) > MAX_URL_CHARS:
        raise InvalidRequest(f"{field} may have at most {MAX_URL_CHARS} characters", field=field)
    if not url.isprintable() or " " in url or "\\" in url:
        raise InvalidRequest(f"{field} contains characters no URL may contain", field=field)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidRequest(f"{field} is not a valid URL", field=field) from None
    scheme = parts.scheme.lower()
    if scheme not in schemes:
        raise InvalidRequest(f"{field} must be a URL that starts with {wanted}", field=field)
    if parts.fragment and scheme in ("ws", "wss"):
        raise InvalidRequest(f"{field} must not have a fragment (#...)", field=field)
    if not parts.hostname or port == 0:
        raise InvalidRequest(f"{field} must be a URL with a host: {wanted}host/path", field=field)
    return Parsed(url, scheme, parts.hostname, port or _PORTS[scheme])


def refusal(address: str, settings: Settings) -> str | None:
    """Why ``address`` (an IP address as text) may not be connected to; None if it may. Pure."""
    ip = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    if ip in _METADATA or ip.is_link_local:
        return "a link-local or metadata address"
    if ip.is_unspecified or ip.is_multicast:
        return "an unspecified or multicast address"
    if ip.is_loopback:
        allowed = settings.allow_loopback_urls or settings.allow_private_urls
        return None if allowed else "a loopback address"
    if any(ip in network for network in _NETWORKS):
        return None if settings.allow_private_urls else "a private address"
    if not ip.is_global or ip.is_reserved:
        return "a reserved address"
    return None


def _unwrapped(ip: IPAddress) -> IPAddress:
    """The IPv4 address inside an IPv6 one that leads to it (mapped, NAT64, 6to4, Teredo)."""
    if not isinstance(ip, ipaddress.IPv6Address):
        return ip
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip.sixtofour is not None:
        return ip.sixtofour
    return ip.teredo[1] if ip.teredo is not None else ip


async def check_url(url: str, schemes: Collection[str], settings: Settings, *, field: str = "url") -> Checked:
    """Resolve a user's URL and refuse it if any of its addresses is not fit to be reached from here.

    Connect to one of ``addresses`` of the answer, with ``host`` as TLS server name and Host header.
    Raises InvalidRequest with ``code`` ``invalid`` (not a URL), ``unresolvable`` (worth trying again) or ``refused``.
    """
    parsed = parse_url(url, schemes, field)
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await asyncio.get_running_loop().getaddrinfo(parsed.host, parsed.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):  # TimeoutError is an OSError
        raise InvalidRequest(
            f'{field}: the host "{parsed.host}" cannot be resolved', field=field, code="unresolvable"
        ) from None
    addresses = tuple(dict.fromkeys(str(info[4][0]) for info in found))
    for address in addresses:
        if (reason := refusal(address, settings)) is not None:
            raise InvalidRequest(
                f'{field}: the host "{parsed.host}" is {reason}, which this server does not connect to',
                field=field,
                code="refused",
            )
    return Checked(parsed.url, parsed.scheme, parsed.host, parsed.port, addresses)


class RefusedAddress(OSError):
    """Raised where a socket would be opened to an address that is not allowed. Its text says why.

    aiohttp hands it out as ``ClientConnectorError.os_error``.
    """


def guarded_connector(settings: Settings) -> aiohttp.TCPConnector:
    """A connector that judges every address as it connects, after redirects and for literal addresses too.

    It keeps no connection open: one that the other side is about to close would lose the next request.
    """

    def open_socket(info: tuple[Any, ...]) -> socket.socket:
        family, kind, proto, _, address = info
        if (reason := refusal(str(address[0]), settings)) is not None:
            raise RefusedAddress(f"the address is {reason}")
        return socket.socket(family=family, type=kind, proto=proto)

    return aiohttp.TCPConnector(socket_factory=open_socket, force_close=True)


async def download_image(url: str, settings: Settings, *, field: str = "img_url") -> bytes:
    """Download a JPEG or PNG file. Raises InvalidRequest that names ``field`` and says what is wrong.

    At most 3 redirects, ``settings.max_image_bytes`` bytes and 10 s in all.
    """
    await check_url(url, ("http", "https"), settings, field=field)
    try:
        data = await _get(url, settings, field)
    except (TimeoutError, aiohttp.ServerTimeoutError):
        raise InvalidRequest(
            f"{field}: no image within {DOWNLOAD_TIMEOUT_S:.0f} seconds", field=field, code="timeout"
        ) from None
    except aiohttp.TooManyRedirects:
        raise InvalidRequest(f"{field}: more than {MAX_REDIRECTS} redirects", field=field) from None
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, RefusedAddress):
            raise InvalidRequest(
                f"{field}: {error.os_error}, which this server does not connect to",
                field=field,
                code="refused",
            ) from None
        raise InvalidRequest(f"{field}: the server cannot be reached", field=field, code="failed") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise InvalidRequest(
            f"{field}: the download failed ({type(error).__name__})", field=field, code="failed"
        ) from None
    if image_type(data) is None:
        raise InvalidRequest(f"{field} must lead to a JPEG or PNG file", field=field)
    return data


async def _get(url: str, settings: Settings, field: str) -> bytes:
    limit = settings.max_image_bytes
    data = bytearray()
    async with aiohttp.ClientSession(
        connector=guarded_connector(settings),
        timeout=aiohttp.ClientTimeout(total=DOWNLOAD_TIMEOUT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={
            "Accept": "image/jpeg, image/png",
            "Accept-Encoding": "identity",
            "User-Agent": f"rejoinder/{__version__}",
        },
        auto_decompress=False,  # the size limit counts what is kept, and images gain nothing from compression
    ) as session:
        # aiohttp gives up when the count of redirects reaches the maximum, so that many are not followed.
        async with session.get(url, max_redirects=MAX_REDIRECTS + 1) as response:
            if response.status != 200:
                raise InvalidRequest(f"{field}: the server answered {response.status}", field=field, code="failed")
            async for chunk in response.content.iter_chunked(65_536):
                data += chunk
                if len(data) > limit:
                    raise InvalidRequest(f"{field}: the image has more than {limit} bytes", field=field)
    return bytes(data)


def image_type(data: bytes) -> str | None:
    """``image/jpeg`` or ``image/png`` by the file's first bytes, None for anything else."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return None
