"""Everything an operator can set, read once from the environment (``REJOINDER_*``)."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_DISGUISES = frozenset({"--user-agent", "--disable-automation", "--exclude-switches"})
_OURS = frozenset(
    {"--user-data-dir", "--remote-debugging-pipe", "--remote-debugging-port", "--remote-debugging-address"}
)


def _data_dir() -> Path:
    import os

    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "rejoinder"


def _cache_dir() -> Path:
    import os

    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rejoinder"


class Settings(BaseSettings):
    """Operator settings. Each field's environment variable is ``REJOINDER_`` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="REJOINDER_", frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str | None = None
    """Where browsers and bots reach this server, if not ``http://host:port``. Room links start with it."""

    data_dir: Path = Field(default_factory=_data_dir)
    """The database, finished files and recordings under way, unless the settings below put them elsewhere."""
    database_url: SecretStr | None = None
    """``postgresql://user@host/name`` for several hosts; unset: a SQLite file in ``data_dir``."""
    storage_url: str | None = None
    """``s3://bucket/prefix`` for finished files; unset: ``data_dir``."""
    storage_endpoint: str | None = None
    """URL of an S3-compatible service other than Amazon's."""
    storage_region: str = "us-east-1"
    storage_access_key: str | None = None
    storage_secret_key: SecretStr | None = None
    link_secret: SecretStr | None = None
    """What download links are signed with; needed when several hosts serve the API. Unset: made in ``data_dir``."""
    cache_dir: Path = Field(default_factory=_cache_dir)
    """Downloaded models."""

    api_key: SecretStr | None = None
    """An API key to accept besides the stored ones; for containers and tests."""

    workers: int = Field(default=1, ge=0, le=64)
    """Worker processes of ``rejoinder serve``. 0: bots run elsewhere (``rejoinder worker``)."""
    capacity: int = Field(default=10, ge=1, le=500)
    """Bots a worker process takes at a time."""
    heartbeat_s: float = Field(default=3.0, gt=0)
    lease_s: float = Field(default=45.0, gt=0)
    """A worker that was not heard of for this long is dead, and its bots go to others. A database may be away for
    0.7 of it less two heartbeats without a bot leaving its meeting."""
    drain_s: float = Field(default=30.0, ge=0)
    """How long bots may go on after SIGTERM before they are handed to another worker."""

    webhook_secret: SecretStr | None = None
    """Signs webhooks (``X-MeetStream-Signature``)."""
    webhook_retries: int = Field(default=0, ge=0, le=20)
    """How often an undelivered webhook is tried again; MeetStream never does."""
    retention_hours: float | None = Field(default=168.0, gt=0)
    """How long after a meeting its data is kept where the create call does not say; empty: for ever."""
    summaries: bool = True
    """Whether meetings can be summarised by the language model."""

    rate_limit_per_minute: int | None = Field(default=600, gt=0)
    """API requests an account may make in a minute; empty: any number."""
    metrics_token: SecretStr | None = None
    """Bearer token of ``/metrics``; unset: only this computer may read them."""
    allowed_hosts: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """Host names this server answers to, comma separated, beside those it knows; ``*``: any."""

    llm_url: str | None = None
    """Base URL of an OpenAI-compatible endpoint (``https://api.openai.com/v1``); unset: the local model."""
    llm_model: str | None = None
    llm_key: SecretStr | None = None

    allow_private_urls: bool = False
    """Let user-given URLs (sockets, images) point at private addresses. ``rejoinder run`` allows loopback."""
    allow_loopback_urls: bool = False

    max_image_bytes: int = 10 * 2**20
    max_socket_message_bytes: int = 16 * 2**20

    peer: Literal["wrtc", "aiortc"] = "wrtc"
    """Which WebRTC engine native bots use."""
    ice_servers: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """STUN/TURN URLs for the room, comma separated."""
    udp_ports: str | None = None
    """``min-max``: the UDP port range for media."""

    chromium: str | None = None
    """Path of the Chromium that joins meetings; unset: ``chromium`` or ``google-chrome`` of the system."""
    chromium_flags: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """More flags for that Chromium, as on a command line: ``--disable-features=One --log-level=0``. None that
    hides that a program drives it: a bot says what it is."""
    bots_per_browser: int = Field(default=1, ge=1, le=16)
    """Bots that share one Chromium. More saves memory (200 MB a bot), but a browser that dies takes all of them."""
    selectors_dir: Path | None = None
    """A folder with ``<platform>/selectors.toml`` in place of built-in ones, for platforms that changed their page."""
    profile_key: SecretStr | None = None
    """What signed-in browser profiles are encrypted with; unset: profiles cannot be stored."""
    profiles_dir: Path | None = None
    """Where they are, if not ``profiles`` in ``data_dir``; the same for all workers of a computer."""

    log_format: Literal["console", "json"] = "console"
    log_level: str = "INFO"

    @field_validator("ice_servers", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [url.strip() for url in value.split(",") if url.strip()]
        return value

    @field_validator("chromium_flags", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return shlex.split(value) if isinstance(value, str) else value

    @field_validator("chromium_flags")
    @classmethod
    def _honest(cls, value: list[str]) -> list[str]:
        for flag in value:
            if not flag.startswith("--"):
                raise ValueError(f"each Chromium flag begins with --, {flag!r} does not")
            name = flag.partition("=")[0].lower()
            if name in _DISGUISES or "automationcontrolled" in flag.lower():
                raise ValueError(f"{flag!r} would hide that a program drives the browser; bots say what they are")
            if name in _OURS:
                raise ValueError(f"{name} is the program's own, and cannot be set")
        return value

    @field_validator("rate_limit_per_minute", "retention_hours", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("lease_s")
    @classmethod
    def _long_enough(cls, value: float, info: ValidationInfo) -> float:
        if value < 4 * float(info.data.get("heartbeat_s", 0)):
            raise ValueError("lease_s must be at least four heartbeats (heartbeat_s)")
        return value

    @property
    def base_url(self) -> str:
        """The server's own address, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
