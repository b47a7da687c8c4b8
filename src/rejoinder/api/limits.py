"""How many requests are taken: of an account, of one bot's recording switch, and with wrong keys."""

from __future__ import annotations

import time
from typing import Protocol

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from rejoinder.errors import NotAuthorised, Throttled

THROTTLED = "Request was throttled."
"""MeetStream's words (contract 1.3)."""
RECORDING_SWITCHES_PER_MINUTE = 30
"""Of one bot: MeetStream's limit for pause and resume together."""
POSTS_PER_MINUTE = 3000
"""Of an account in Attendee's dialect, which limits nothing else."""
WRONG_KEYS_PER_MINUTE = 30
"""From one address."""
REMEMBERED_KEYS = 10_000


class Authenticator(Protocol):
    """Knows the API keys."""

    async def authenticate(self, token: str) -> str:
        """The account a key belongs to. Raises NotAuthorised."""
        ...

    async def dialect(self, token: str) -> str | None:
        """Whose API the key was made for, if that was said."""
        ...


class Limits:
    """The counters of one process, in moving windows of a minute.

    ``per_account``: API requests an account may make in a minute; None: any number. All raise Throttled.
    """

    def __init__(self, per_account: int | None) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._general = RateLimitItemPerMinute(per_account) if per_account else None
        self._posts = RateLimitItemPerMinute(POSTS_PER_MINUTE) if per_account else None
        self._recording = RateLimitItemPerMinute(RECORDING_SWITCHES_PER_MINUTE)
        self._wrong = RateLimitItemPerMinute(WRONG_KEYS_PER_MINUTE)
        self._good: dict[int, None] = {}

    def request(self, account: str) -> None:
        """Any request of an account."""
        if self._general is not None:
            self._take(self._general, "account", account)

    def post(self, account: str) -> None:
        """A POST of an account in Attendee's dialect."""
        if self._posts is not None:
            self._take(self._posts, "posts", account)

    def recording(self, account: str, bot_id: str) -> None:
        """A bot's recording is to be paused or resumed."""
        self._take(self._recording, "recording", account, bot_id)

    async def authenticate(self, keys: Authenticator, token: str, address: str) -> str:
        """The account of a key that came from ``address``.

        An address that sent too many wrong keys may only use keys that were right before: guessing costs no look-up
        in the database, and others behind the same proxy are not shut out.
        """
        known = hash(token)
        if known not in self._good and not self._windows.test(self._wrong, "wrong", address):
            raise self._throttled(self._wrong, "wrong", address)
        try:
            account = await keys.authenticate(token)
        except NotAuthorised:
            self._good.pop(known, None)
            self._windows.hit(self._wrong, "wrong", address)
            raise
        if len(self._good) >= REMEMBERED_KEYS:
            self._good.pop(next(iter(self._good)))
        self._good[known] = None
        return account

    def _take(self, item: RateLimitItemPerMinute, *who: str) -> None:
        if not self._windows.hit(item, *who):
            raise self._throttled(item, *who)

    def _throttled(self, item: RateLimitItemPerMinute, *who: str) -> Throttled:
        again = self._windows.get_window_stats(item, *who).reset_time - time.time()
        return Throttled(THROTTLED, max(again, 1.0))
