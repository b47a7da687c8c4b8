"""Whether there is an account left for a bot that is to join signed in, as far as can be seen when it is created."""

from __future__ import annotations

import time

from rejoinder.browser.profiles import folder_of, is_leased, names
from rejoinder.core.bot import BotConfig
from rejoinder.core.signin import fitting
from rejoinder.errors import Throttled
from rejoinder.settings import Settings

AGAIN_S = 60.0
"""An account becomes free when a bot leaves its meeting; nobody knows when that is."""


def refuse_busy(config: BotConfig, settings: Settings) -> None:
    """Raises Throttled when every account a bot may join with is in use now. Blocks.

    Only where all bots run on this computer (no ``database_url``): elsewhere their accounts cannot be seen, nor can
    those of bots that are on their way; such a bot waits a little and ends with ``login_busy``.
    """
    wanted = config.sign_in
    later = config.join_at is not None and config.join_at > time.time()
    if wanted is None or wanted.when != "always" or later or settings.database_url is not None:
        return
    folder = folder_of(settings)
    there = fitting(names(folder), wanted)
    if there and all(is_leased(folder, name) for name in there):
        raise Throttled(f"All accounts of {wanted.group} are in use by other bots.", AGAIN_S)
