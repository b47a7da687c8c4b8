"""The plain lists of what is built in: engines, meetings, speech. The one place that names vendors and platforms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import entry_points
from pathlib import Path

from rejoinder.agent.agent import Services
from rejoinder.agent.base import LanguageModel, SpeechScorer, Transcriber, TurnModel, Voice
from rejoinder.browser.chromium import Browsers
from rejoinder.browser.profiles import Profiles
from rejoinder.core.bot import Bot
from rejoinder.errors import InvalidRequest
from rejoinder.platforms.base import Ears, Meeting, Stay
from rejoinder.platforms.browser import BrowserMeeting
from rejoinder.platforms.driver import Driver, JoinConfig
from rejoinder.platforms.local.meeting import LocalMeeting, room_of
from rejoinder.platforms.login import Login
from rejoinder.room.peer import Engine
from rejoinder.settings import Settings
from rejoinder.transcription.base import BatchTranscriber, LiveTranscriber
from rejoinder.transcription.local_batch import LocalBatch
from rejoinder.transcription.local_live import LocalLive

SPEECH_MODELS = ("silero-vad", "smart-turn", "moonshine-base")
"""What every agent needs; the voice's weights are in its own package."""
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
LOCAL_LLM = "qwen2.5-1.5b"
INTERIM_S = 0.4
"""How often live transcripts show what is being said."""
BATCH_PROVIDERS = frozenset({"meetstream"})
"""Who can transcribe recordings, by the names users ask for."""


def models_needed(settings: Settings) -> list[str]:
    """The model sets an agent on this server needs."""
    return [*SPEECH_MODELS, *([] if settings.llm_url else [settings.llm_model or LOCAL_LLM])]


def engine(settings: Settings) -> Engine:
    """The WebRTC engine the operator chose."""
    ports = _port_range(settings.udp_ports)
    if settings.peer == "aiortc":
        from rejoinder.room.aiortc_peer import AiortcEngine

        return AiortcEngine()
    from rejoinder.room.wrtc_peer import WrtcEngine

    return WrtcEngine(ports, loopback=settings.host in LOOPBACK_HOSTS)


def _port_range(ports: str | None) -> tuple[int, int] | None:
    if not ports:
        return None
    low, _, high = ports.partition("-")
    if not (low.isdigit() and high.isdigit() and 0 < int(low) <= int(high) <= 65535):
        raise InvalidRequest("REJOINDER_UDP_PORTS: expected min-max, such as 40000-40100", field="udp_ports")
    return int(low), int(high)


def drivers(settings: Settings) -> list[Driver]:
    """The platforms joined in a browser: those built in, and those of installed packages (entry points of the group
    ``rejoinder.platforms``, each a function from Settings to a driver)."""
    from rejoinder.platforms.google_meet import platform as google_meet
    from rejoinder.platforms.teams import platform as teams
    from rejoinder.platforms.zoom import platform as zoom

    strangers = [point.load()(settings) for point in entry_points(group="rejoinder.platforms")]
    return [google_meet.driver(settings), teams.driver(settings), zoom.driver(settings), *strangers]


class Meetings:
    """Opens the meeting a link names. Call it on the event loop of the bots; :meth:`close` ends its browsers."""

    def __init__(self, settings: Settings, rtc: Engine) -> None:
        self._settings = settings
        self._rtc = rtc
        self._drivers = drivers(settings)
        self._browsers: Browsers | None = None
        self._profiles = cache(partial(Profiles.of, settings))
        public = settings.public_url is not None
        self._signalling = _websocket(settings.base_url) if public else f"ws://127.0.0.1:{settings.port}"

    def __call__(self, bot: Bot, ears: Ears, stay: Stay) -> Meeting:
        """A meeting not yet joined. Raises InvalidRequest for a link that leads nowhere known."""
        config = bot.config
        room = room_of(config.meeting_link, self._settings.base_url)
        if room is not None:
            return LocalMeeting(self._rtc, self._signalling, room, config.bot_name, ears, stay)
        driver = next((known for known in self._drivers if known.matches(config.meeting_link)), None)
        if driver is None:
            raise InvalidRequest(f"not a meeting known here: {config.meeting_link}", field="meeting_link")
        if self._browsers is None:
            self._browsers = Browsers(self._settings)
        captions = config.transcript is not None and config.transcript.provider == "meeting_captions"
        join = JoinConfig(config.meeting_link, config.bot_name, captions=captions)
        login = Login(config.sign_in, bot.account, self._profiles) if config.sign_in is not None else None
        return BrowserMeeting(driver, join, ears, stay, self._browsers, self._settings, login)

    async def close(self) -> None:
        """End the browsers."""
        if self._browsers is not None:
            await self._browsers.close()


def known_meeting(settings: Settings) -> Callable[[str], None]:
    """A function that raises InvalidRequest for a link that leads to no meeting this server can join."""
    known = drivers(settings)

    def check(link: str) -> None:
        if room_of(link, settings.base_url) is None and not any(driver.matches(link) for driver in known):
            raise InvalidRequest(
                "meeting_link is not a meeting known here: expected a Google Meet, Zoom or Teams link, or a room of "
                f"this server, {settings.base_url}/room/<name>",
                field="meeting_link",
                code="unknown_meeting",
            )

    return check


def _websocket(url: str) -> str:
    return url.replace("http", "ws", 1)


async def load_services(settings: Settings, models: Mapping[str, Path]) -> Services:
    """Load all models once for this process. Call it on the event loop the bots run on."""
    speech, llm = await asyncio.gather(load_speech(models), _language_model(settings, models))
    return Services(speech.scorer, speech.transcriber, llm, speech.voice, speech.turn_model)


async def transcribers(
    settings: Settings, models: Mapping[str, Path] | None, services: Services | None
) -> tuple[LiveTranscriber | None, Mapping[str, BatchTranscriber]]:
    """Who transcribes live, and by provider name who transcribes recordings. Call it on the event loop of the bots."""
    if models is None or services is None:
        return None, {}
    from rejoinder.vendors.moonshine.stt import MoonshineTranscriber

    batch = {"meetstream": LocalBatch("rejoinder.vendors.moonshine.batch", models)}
    transcriber = services.transcriber
    if isinstance(transcriber, MoonshineTranscriber):
        return LocalLive(services.scorer, transcriber.paced(INTERIM_S)), batch
    return LocalLive(services.scorer, transcriber), batch


@dataclass(frozen=True, slots=True)
class Speech:
    """What hears and speaks."""

    scorer: SpeechScorer
    transcriber: Transcriber
    voice: Voice
    turn_model: TurnModel


async def load_speech(models: Mapping[str, Path]) -> Speech:
    """Load the speech models. Call it on the event loop that uses them."""
    from rejoinder.vendors.hibari.tts import HibariVoice
    from rejoinder.vendors.moonshine.stt import MoonshineTranscriber
    from rejoinder.vendors.silero.vad import SileroScorer
    from rejoinder.vendors.smart_turn.turn import SmartTurn

    transcriber, voice, turn_model = await asyncio.gather(
        asyncio.to_thread(MoonshineTranscriber, models["moonshine-base"]),
        asyncio.to_thread(HibariVoice),
        asyncio.to_thread(SmartTurn, models["smart-turn"]),
    )
    return Speech(SileroScorer(models["silero-vad"]), transcriber, voice, turn_model)


async def _language_model(settings: Settings, models: Mapping[str, Path]) -> LanguageModel:
    key = settings.llm_key.get_secret_value() if settings.llm_key else None
    if settings.llm_url:
        from rejoinder.vendors.openai.llm import OpenAIModel

        return OpenAIModel(settings.llm_model or "gpt-4o-mini", url=settings.llm_url, key=key)
    from rejoinder.vendors.llama.llm import LlamaModel, LlamaProcess

    folder = models[settings.llm_model or LOCAL_LLM]
    return LlamaModel(await LlamaProcess.start(folder / "model.gguf"))
