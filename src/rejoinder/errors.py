"""Every error rejoinder raises on purpose.

    RejoinderError
    ├── InvalidRequest          a caller sent something we cannot take (names the field)
    ├── NotAuthenticated        no credentials
    ├── NotAuthorised           credentials that are not ours
    ├── NotFound                no such bot, room or file
    ├── Conflict                the thing is in a state that does not allow it
    ├── NotReady                what was asked for is still being made
    ├── Unavailable             this server cannot do it now; worth trying again
    ├── Throttled               too many requests; says when to try again
    ├── Fenced                  another worker has taken the bot over
    ├── ModelError              a local model cannot be had or is not what it should be
    │   ├── ModelUnavailable    no source answered, or the optional packages are missing
    │   └── ModelCorrupt        a file's SHA-256 is not the pinned one
    ├── ProviderError           a speech or language service failed (names the service)
    └── MeetingError            the meeting cannot be joined or was lost

Each carries a sentence a user can act on.
"""

from __future__ import annotations


class RejoinderError(Exception):
    """Base of all deliberate errors. ``str(error)`` is fit to be shown to a user."""


class InvalidRequest(RejoinderError):
    """A value a caller sent cannot be taken.

    ``field`` is the caller's own name for it (dotted for nested ones), ``code`` a short stable word.
    """

    def __init__(self, message: str, *, field: str | None = None, code: str = "invalid") -> None:
        super().__init__(message)
        self.field = field
        self.code = code


class NotAuthenticated(RejoinderError):
    """The request carries no credentials."""


class NotAuthorised(RejoinderError):
    """The request carries credentials that are not known here."""


class NotFound(RejoinderError):
    """What was asked for does not exist (or not for this account)."""


class Conflict(RejoinderError):
    """The thing exists, but its state does not allow what was asked."""


class NotReady(RejoinderError):
    """What was asked for is still being made; asking again later is right."""


class Unavailable(RejoinderError):
    """This server cannot do it at present (its database, its disk or a model is missing)."""


class Throttled(RejoinderError):
    """Too many requests. ``retry_after_s``: seconds after which another is taken."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Fenced(RejoinderError):
    """What was written comes from a worker that does not own the bot any more; nothing was changed."""


class ModelError(RejoinderError):
    """A local model cannot be used."""


class ModelUnavailable(ModelError):
    """No source gave the model, or a package it needs is not installed."""


class ModelCorrupt(ModelError):
    """A model file does not have the SHA-256 it is pinned to."""


class ProviderError(RejoinderError):
    """A speech or language service failed; ``provider`` names it, ``retryable`` says whether trying again helps."""

    def __init__(self, message: str, *, provider: str, retryable: bool = False) -> None:
        super().__init__(message)
        self.provider = provider
        self.retryable = retryable


class MeetingError(RejoinderError):
    """The meeting could not be joined, or the connection to it was lost for good."""
