"""Pictures that a user's server gives a bot to show as its video."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rejoinder.bridges.meetstream.control import CommandError
from rejoinder.errors import InvalidRequest
from rejoinder.media.frame import Rgb
from rejoinder.media.image import picture
from rejoinder.outgoing import download_image
from rejoinder.settings import Settings


class Pictures:
    """``show`` gives the meeting a picture, or none; ``refuse`` tells the user why there is none to show."""

    def __init__(
        self, show: Callable[[Rgb | None], None], settings: Settings, refuse: Callable[[CommandError], None]
    ) -> None:
        self._give = show
        self._settings = settings
        self._refuse = refuse

    async def show(self, data: bytes, command: str, field: str) -> None:
        """Show a JPEG or PNG file. ``command`` and ``field`` are the sender's names, for the error."""
        try:
            image = await asyncio.to_thread(picture, data, field)
        except InvalidRequest as error:
            self._refuse(CommandError(error.code, str(error), command, error.field))
            return
        self._give(image)

    async def show_url(self, url: str, display_s: float | None) -> None:
        """Download a picture and show it, for ``display_s`` seconds or until the next."""
        try:
            data = await download_image(url, self._settings)
        except InvalidRequest as error:
            self._refuse(CommandError(error.code, str(error), "sendimg_url", error.field))
            return
        await self.show(data, "sendimg_url", "img_url")
        if display_s is not None:
            await asyncio.sleep(display_s)
            self._give(None)
