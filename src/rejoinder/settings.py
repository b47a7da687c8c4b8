"""Everything an operator can set, read once from the environment (``REJOINDER_*``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


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
    """API key hashes."""
    cache_dir: Path = Field(default_factory=_cache_dir)
    """Downloaded models."""

    api_key: SecretStr | None = None
    """An API key to accept besides the stored ones; for containers and tests."""

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

    log_format: Literal["console", "json"] = "console"
    log_level: str = "INFO"

    @field_validator("ice_servers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [url.strip() for url in value.split(",") if url.strip()]
        return value

    @property
    def base_url(self) -> str:
        """The server's own address, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")
