"""Janus, a WebRTC server of somebody else's, with its own demo page for video rooms.

Needs Debian's packages ``janus`` and ``janus-demos``. The page is served as it was packaged; its settings file, which
an operator must write anyway, says where the server is.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from servers import free_port
from thirdparty.process import running

DEMOS = Path("/usr/share/janus/demos")
ROOM = 1234
_CONFIG = {
    # Nothing but the video room, its websocket, and what they need. Media goes over the computer's own addresses.
    "janus.jcfg": """
general: {{ debug_level = 4, admin_secret = "none", server_name = "test" }}
certificates: {{ }}
media: {{ ipv6 = false }}
nat: {{ ice_ignore_list = "docker,veth" }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
""",
    "janus.plugin.videoroom.jcfg": """
general: {{ }}
room-{room}: {{ description = "Test", publishers = 6, bitrate = 128000, fir_freq = 10, record = false }}
""",
    "janus.transport.websockets.jcfg": """
general: {{ json = "compact", ws = true, ws_port = {port}, ws_ip = "127.0.0.1", wss = false }}
admin: {{ admin_ws = false, admin_wss = false }}
""",
}
_LIBRARIES = Path("/usr/lib")


@asynccontextmanager
async def janus() -> AsyncIterator[str]:
    """Run it and serve its demos on free ports of loopback; gives the address of its video room's page."""
    if shutil.which("janus") is None or not await asyncio.to_thread(DEMOS.is_dir):
        raise RuntimeError("Janus is not installed: Debian's packages are janus and janus-demos")
    folder = Path(tempfile.mkdtemp(prefix="janus-"))
    port = free_port()
    _write_config(folder, port)
    try:
        async with (
            running(["janus", "-F", folder, "-N"], port, folder / "log"),
            _demos(f"ws://127.0.0.1:{port}") as url,
        ):
            yield f"{url}/videoroomtest.html?room={ROOM}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_config(folder: Path, port: int) -> None:
    def others(kind: str, keep: str) -> str:
        found = {path.name[: path.name.index(".so") + 3] for path in _LIBRARIES.glob(f"*/janus/{kind}/*.so*")}
        return ",".join(sorted(found - {keep}))

    values = {
        "plugins": others("plugins", "libjanus_videoroom.so"),
        "transports": others("transports", "libjanus_websockets.so"),
        "port": port,
        "room": ROOM,
    }
    for name, text in _CONFIG.items():
        (folder / name).write_text(text.format(**values))


@asynccontextmanager
async def _demos(server: str) -> AsyncIterator[str]:
    async def settings(_: web.Request) -> web.Response:
        # Debian's file names neither of the last two, and its page stops where they are not defined.
        text = f'var server = ["{server}"], iceServers = null, token = null, apisecret = null;'
        return web.Response(text=text, content_type="text/javascript")

    app = web.Application()
    app.router.add_get("/settings.js", settings)
    # Its libraries are links to other packages' folders.
    app.router.add_static("/", DEMOS, follow_symlinks=True)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
