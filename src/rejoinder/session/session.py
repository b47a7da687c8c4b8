"""One running bot: a meeting, the user's sockets, the agent and the recording, wired together.

Wiring only. Rules live in the machines and codecs it connects.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable

import structlog

from rejoinder import tracing
from rejoinder.agent.trace import TurnTrace
from rejoinder.bridges.meetstream import control as control_codec
from rejoinder.core.attendee import tells_speech
from rejoinder.core.bot import Bot, BotStatus
from rejoinder.core.commands import (
    BotCommand,
    ClearAudio,
    Leave,
    MirrorChat,
    PlayAudio,
    SendChat,
    SetRecording,
    ShowImage,
    ShowImageUrl,
)
from rejoinder.core.entries import Answered, Came, Chatted, Entry, Noted, Reached, RecordingSet, Spoke, Went
from rejoinder.core.events import (
    Admitted,
    CaptionReceived,
    ChatReceived,
    Ended,
    InLobby,
    MeetingEvent,
    ParticipantJoined,
    ParticipantLeft,
    SpeakerLabelled,
)
from rejoinder.core.leave import AutoLeave
from rejoinder.core.lifecycle import IllegalTransition, Moment, apply
from rejoinder.core.participant import Participant
from rejoinder.core.records import ChatLine
from rejoinder.errors import MeetingError
from rejoinder.media.frame import Pcm
from rejoinder.media.inlet import Inlet
from rejoinder.media.mouth import Mouth
from rejoinder.platforms.base import Ears, Stay
from rejoinder.session.hearing import Hearing
from rejoinder.session.live import LiveFeed
from rejoinder.session.minds import make_agent, make_watch
from rejoinder.session.parts import OpenRecording, Parts
from rejoinder.session.pictures import Pictures
from rejoinder.session.realtime import Realtime
from rejoinder.session.sockets import Sockets
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

JOIN_PAUSES_S = (2.0, 5.0)
"""Before the second and third try to reach a meeting; MeetStream tells ``bot.joining`` up to three times."""

_ENDS = {
    "ended": Moment.STOPPED,
    "removed": Moment.KICKED,
    "denied": Moment.DENIED,
    "lobby_timeout": Moment.NOT_ALLOWED,
    "lost": Moment.FAILED,
}
"""What the meeting's last word means; "left" is what we decided ourselves."""


class BotSession:
    """One stay of one bot. Create on the event loop it is to run on; :meth:`run` returns when the stay is over.

    ``report`` gets what is to be written down, in order.
    """

    def __init__(
        self,
        bot: Bot,
        stay: Stay,
        parts: Parts,
        report: Callable[[Entry], None],
        open_recording: OpenRecording | None = None,
    ) -> None:
        self.bot = bot
        self.status = bot.status
        self._stay = stay
        self._parts = parts
        self._report = report
        self._open_recording = open_recording
        self._loop = asyncio.get_running_loop()
        self._tasks = Tasks(on_error=lambda name, error: self._note("bot.problem", f"{name}: {error}"))
        self._over = asyncio.Event()
        self._replaced = False
        self._me: Participant | None = None
        self._end = (Moment.STOPPED, "Bot left the meeting", "requested")
        self._meeting = parts.open_meeting(bot, Ears(self._meeting_event, self._audio), stay)
        self._hearing = Hearing(self._loop.time)
        self._agent = make_agent(bot, parts, self._meeting, self._write, self.perform, self._turn, self._note)
        self._mouth = self._agent.mouth if self._agent else Mouth(self._write, continuous=True)
        self._mouth.drop = self._meeting.drop
        self._inlet = Inlet(self._mouth)
        self._watch = make_watch(bot, parts, self._spoken_over)
        self._hearing.listener = self._agent or self._watch
        self._live = LiveFeed(bot, parts, report, self._note)
        self._sockets = Sockets(bot, parts.settings, lambda: self._me, self._command, self._note)
        self._realtime = Realtime(bot, parts.settings, self._mouth, self._inlet, self.perform, self._note)
        self._pictures = Pictures(self._meeting.show, parts.settings, self._answer)
        self._limits = control_codec.Limits(parts.settings.max_socket_message_bytes, parts.settings.max_image_bytes)
        self._leaving = AutoLeave(
            bot.config.leave,
            bot.config.bot_name,
            started_at=None if bot.started_at is None else self._loop.time() - (time.time() - bot.started_at),
            people_seen=stay.people_seen,
        )
        self._leave_timer: asyncio.TimerHandle | None = None
        self._tells_speech = tells_speech(bot.config)

    def _spoken_over(self, participant: str) -> None:
        if self._mouth.playout.speaking:
            self._sockets.tell(control_codec.interrupted(self.bot.id))

    def _write(self, pcm: Pcm) -> None:
        self._meeting.write(pcm)
        if self._hearing.recording is not None:
            self._hearing.recording.spoke(pcm)

    # -- life ---------------------------------------------------------------------------------------------------

    async def run(self) -> bool:
        """Join, stay, and clean up. Never raises: a failure becomes an entry.

        False when another worker has the bot now, so that this end is not the bot's. A cancelled session leaves the
        meeting without a word, for another worker to come back to it.
        """
        try:
            if await self._join():
                await self._over.wait()
        except asyncio.CancelledError:
            self._replaced = True
            await self._meeting.leave()
            raise
        except Exception as error:
            log.exception("bot failed", bot_id=self.bot.id)
            self._reach(Moment.FAILED, f"internal error: {error}", "internal")
            await self._meeting.leave()
        finally:
            await self._clean_up()
        return not self._replaced

    async def _join(self) -> bool:
        """Whether the meeting was reached; where it takes us, its events tell."""
        for pause in (*JOIN_PAUSES_S, None):
            self._reach(Moment.JOINING)
            try:
                await self._meeting.join()
                return True
            except MeetingError as error:
                if pause is None:
                    self._reach(Moment.FAILED, str(error))
                    return False
                self._note("bot.join_failed", str(error))
                if await self._told_to_leave(pause):
                    self._reach(*self._end)
                    return False
        raise AssertionError("unreachable")

    async def _told_to_leave(self, within_s: float) -> bool:
        try:
            async with asyncio.timeout(within_s):
                await self._over.wait()
        except TimeoutError:
            return False
        return True

    async def leave(
        self, moment: Moment = Moment.STOPPED, message: str = "Bot left the meeting", reason: str = "requested"
    ) -> None:
        """Leave the meeting (from any state)."""
        if self.status.over or self.status is BotStatus.LEAVING:
            return
        self._reach(Moment.LEAVING, reason=reason)
        self._end = (moment, message, reason)
        await self._meeting.leave()
        self._over.set()

    async def _clean_up(self) -> None:
        self._stop_leave_timer()
        if self._agent is not None:
            await self._agent.close()
        if self._watch is not None:
            self._watch.close()
        self._mouth.stop()
        await self._hearing.close()
        await self._live.close()
        await self._sockets.close()
        await self._realtime.close()
        await self._tasks.cancel()

    def _reach(self, moment: Moment, message: str | None = None, reason: str | None = None) -> None:
        """Take a step of the bot's life, if it is one that can be taken from here."""
        if self._replaced:
            return
        try:
            self.status = apply(self.status, {}, moment).status
        except IllegalTransition:
            log.debug("step not taken", bot_id=self.bot.id, status=self.status.value, moment=moment.value)
            return
        log.info(moment.value, bot_id=self.bot.id, detail=message)
        speaker = self._me.id if self._me is not None and moment is Moment.IN_MEETING else None
        self._report(Reached(moment, time.time(), message, speaker, reason))

    def _note(self, event: str, message: str) -> None:
        log.info(event, bot_id=self.bot.id, detail=message)
        self._report(Noted(event, time.time(), message))

    def _turn(self, trace: TurnTrace) -> None:
        record = trace.record()
        self._report(Answered(record))
        if record["marks"]:
            moments = record["marks"].values()
            told = {"bot_id": self.bot.id, "outcome": trace.outcome, "total_ms": record["total_ms"] or 0.0}
            tracing.span("turn", min(moments), max(moments), told | record["stages_ms"])

    # -- automatic leave ----------------------------------------------------------------------------------------

    def _look_at_leaving(self) -> None:
        """Do what the leave machine says is due, and come back when it next wants to be asked."""
        self._stop_leave_timer()
        if self.status.over or self.status is BotStatus.LEAVING:
            return
        leave = self._leaving.tick(self._loop.time())
        if leave is not None:
            self._tasks.start(self.leave(leave.moment, leave.message, leave.reason), "automatic leave")
        elif (due := self._leaving.deadline()) is not None:
            self._leave_timer = self._loop.call_at(due, self._look_at_leaving)

    def _stop_leave_timer(self) -> None:
        if self._leave_timer is not None:
            self._leave_timer.cancel()
            self._leave_timer = None

    # -- what the meeting tells ---------------------------------------------------------------------------------

    def _meeting_event(self, event: MeetingEvent) -> None:
        now = self._loop.time()
        match event:
            case InLobby():
                self._reach(Moment.IN_WAITING_ROOM)
                self._leaving.waiting(now)
            case Admitted(me=me):
                self._admitted(me)
            case ParticipantJoined(participant=who):
                self._hearing.joined(who)
                self._leaving.joined(who, now)
                self._report(Came(who, time.time()))
                if self._agent is not None:
                    self._agent.participant_joined(who)
            case ParticipantLeft(participant=who):
                self._hearing.left(who.id)
                self._leaving.left(who.id, now)
                self._report(Went(who, time.time()))
                if self._agent is not None:
                    self._agent.participant_left(who.id)
                elif self._watch is not None:
                    self._watch.forget(who.id)
            case ChatReceived(participant=who, text=text, at=at):
                self._report(Chatted(ChatLine(f"{who.id}-{at:.3f}", who.id, who.name, text, at)))
                if self._agent is not None:
                    self._agent.chatted(who, text)
                self._sockets.tell(control_codec.usermsg(self.bot.id, text, who.id, who.name, at))
            case SpeakerLabelled():
                pass  # the meeting gives audio under the name it has found
            case CaptionReceived(participant=who, text=text, final=final):
                self._live.caption(who, text, final=final, at=now - self._hearing.live_offset)
            case Ended(reason=reason, message=message, cause=cause):
                self._ended(reason, message, cause or reason)
        self._look_at_leaving()

    def _ended(self, reason: str, message: str, cause: str) -> None:
        if reason == "replaced":
            self._replaced = True
        elif reason == "left":
            self._reach(*self._end)
        else:
            if reason != "lost":
                self._reach(Moment.LEAVING, reason=reason)
            self._reach(_ENDS[reason], message, cause)
        self._over.set()

    def _admitted(self, me: Participant) -> None:
        first = self._me is None
        self._me = me
        self._leaving.admitted(self._loop.time())
        if not first:
            self._note("bot.returned", "Bot came back to the meeting")
            return
        self._reach(Moment.IN_MEETING)
        self._record()
        config = self.bot.config
        self._sockets.open()
        self._hearing.socket = self._sockets.audio
        self._realtime.open()
        self._hearing.realtime = self._realtime
        offset = 0.0 if self.bot.started_at is None else time.time() - self.bot.started_at
        self._hearing.live_offset = self._loop.time() - offset
        self._hearing.open_live = self._live.opener()
        if config.bot_message and self._stay.epoch <= 1:
            self.perform(SendChat(config.bot_message))
        if config.bot_image_url:
            self.perform(ShowImageUrl(config.bot_image_url))
        if config.attendee is not None and config.attendee.image is not None:
            self.perform(ShowImage(base64.b64decode(config.attendee.image[1])))
        if config.agent is not None and self._agent is None:
            self._note("agent.error", "This server runs without models: the built-in agent is not available.")

    # -- recording ----------------------------------------------------------------------------------------------

    def _record(self) -> None:
        if self._open_recording is None or self._me is None or not self.bot.config.record:
            return
        try:
            self._hearing.record(self._open_recording(self._me, self._recording_problem, self._speech))
        except OSError as error:
            self._recording_problem(f"cannot record: {error}")
            return
        self._reach(Moment.RECORDING)
        self._report(RecordingSet("on"))
        if self.bot.recording == "paused":  # by the worker before this one
            self._set_recording(paused=True)

    def _recording_problem(self, message: str) -> None:
        self._note("recording.error", message)

    def _speech(self, participant: str, speaking: bool) -> None:
        self._leaving.speech(participant, speaking, self._loop.time())
        self._look_at_leaving()
        if self._tells_speech:
            who = next((who for who in self._hearing.participants if who.id == participant), None)
            if who is not None:
                self._report(Spoke(who, speaking, time.time()))

    def _set_recording(self, *, paused: bool) -> None:
        recording = self._hearing.recording
        if recording is None:
            self._note("recording.error", "there is no recording to pause or resume")
            return
        if paused:
            recording.pause()
        else:
            recording.resume()
        self._realtime.muted = paused
        self._report(RecordingSet("paused" if paused else "on"))
        self._note("recording.paused" if paused else "recording.resumed", "")

    # -- audio in -----------------------------------------------------------------------------------------------

    def _audio(self, participant: str, pcm: Pcm) -> None:
        self._hearing.audio(participant, pcm)

    # -- commands -----------------------------------------------------------------------------------------------

    def _command(self, message: bytes) -> None:
        decoded = control_codec.decode(message, self.bot.id, self._limits)
        if isinstance(decoded, control_codec.CommandError):
            self._answer(decoded)
            return
        for command in decoded:
            self.perform(command)

    def _answer(self, error: control_codec.CommandError) -> None:
        self._note("command.error", error.message)
        self._sockets.tell(error.encode())

    def perform(self, command: BotCommand) -> None:
        """Do what anyone asked of the bot."""
        match command:
            case PlayAudio(pcm=pcm, sample_rate=rate):
                self._inlet.play(pcm, rate)
            case ClearAudio():
                if self._agent is not None:
                    self._agent.interrupt()
                self._inlet.clear()
            case SendChat(text=text) | MirrorChat(text=text, is_final=True):
                self._tasks.start(self._chat(text), "chat")
            case MirrorChat():
                pass
            case ShowImage(data=data):
                self._tasks.start(self._pictures.show(data, "sendimg", "img"), "image")
            case ShowImageUrl(url=url, display_s=display_s):
                self._tasks.start(self._pictures.show_url(url, display_s), "image url")
            case SetRecording(paused=paused):
                self._set_recording(paused=paused)
            case Leave():
                self._tasks.start(self.leave(), "leave")

    async def _chat(self, text: str) -> None:
        await self._meeting.chat(text)
        me, now = self._me, time.time()
        if me is not None:
            self._report(Chatted(ChatLine(f"{me.id}-{now:.3f}", me.id, me.name, text, now, own=True)))
