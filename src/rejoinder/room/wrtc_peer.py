"""Native peers on libwebrtc (the ``wrtc`` wheel): Chrome's jitter buffer, loss concealment and congestion control."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import av
import numpy as np
import structlog
import webrtc

from rejoinder.media.frame import MEETING_RATE, VIDEO_SIZE, Pcm, Rgb
from rejoinder.room.peer import PeerEvents, PeerStats, Source
from rejoinder.tasks import Tasks

log = structlog.get_logger(__name__)

STILL_INTERVAL_S = 0.5
"""A still image is sent twice a second: often enough for a newcomer to see it at once, cheap to encode."""
AUDIO_QUEUE = 50
"""Blocks of 10 ms a reader may be late before audio is dropped: half a second."""


class WrtcSource:
    """A generated audio and video track that all of a seat's connections share."""

    def __init__(self) -> None:
        self.audio = webrtc.MediaStreamTrackGenerator("audio")
        self._video = webrtc.VideoTrackGenerator()
        self.video = self._video.track
        self.stream = webrtc.MediaStream([self.audio, self.video])
        self._audio_writer = self.audio.writable.get_writer()
        self._video_writer = self._video.writable.get_writer()
        self._still: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def write(self, pcm: Pcm) -> None:
        if self._closed:
            return
        data = webrtc.AudioData(
            webrtc.AudioDataInit(
                format="s16",
                sample_rate=MEETING_RATE,
                number_of_frames=len(pcm),
                number_of_channels=1,
                timestamp=0,
                data=pcm.tobytes(),
            )
        )
        self._audio_writer.write(data)

    def show(self, image: Rgb | None) -> None:
        self._still = None if image is None else _i420(image)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._still is not None:
            self._send_still()

    def _send_still(self) -> None:
        if self._closed or self._still is None:
            return
        width, height = VIDEO_SIZE
        init = webrtc.VideoFrameBufferInit(
            format="I420", coded_width=width, coded_height=height, timestamp=int(time.monotonic() * 1e6)
        )
        self._video_writer.write(webrtc.VideoFrame(self._still, init))
        self._timer = asyncio.get_running_loop().call_later(STILL_INTERVAL_S, self._send_still)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._audio_writer.close()
        self._video_writer.close()


class WrtcPeer:
    """One ``RTCPeerConnection``."""

    def __init__(self, source: WrtcSource, events: PeerEvents, configuration: webrtc.RTCConfiguration) -> None:
        self._events = events
        self._tasks = Tasks()
        self._source = source
        self._connection = webrtc.RTCPeerConnection(configuration)
        self._connection.on("icecandidate", self._candidate)
        self._connection.on("connectionstatechange", self._state)
        self._connection.on("track", self._track)

    async def offer(self) -> dict[str, str]:
        init = webrtc.RTCRtpTransceiverInit(direction="sendrecv", streams=[self._source.stream])
        self._connection.add_transceiver(self._source.audio, init)
        self._connection.add_transceiver(self._source.video, init)
        await self._connection.set_local_description(await self._connection.create_offer())
        return self._description()

    async def answer(self, description: dict[str, str]) -> dict[str, str]:
        await self._connection.set_remote_description(_session(description))
        sending = {sender.track.kind for sender in self._connection.get_senders() if sender.track is not None}
        for track in (self._source.audio, self._source.video):
            if track.kind not in sending:
                self._connection.add_track(track, self._source.stream)
        await self._connection.set_local_description(await self._connection.create_answer())
        return self._description()

    async def accept(self, description: dict[str, str]) -> None:
        await self._connection.set_remote_description(_session(description))

    async def restart(self) -> dict[str, str]:
        self._connection.restart_ice()
        await self._connection.set_local_description(await self._connection.create_offer())
        return self._description()

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        if candidate is None or not candidate.get("candidate"):
            await self._connection.add_ice_candidate(None)
            return
        init = webrtc.RTCIceCandidateInit(
            candidate=candidate["candidate"],
            sdp_mid=candidate.get("sdpMid"),
            sdp_m_line_index=candidate.get("sdpMLineIndex"),
        )
        await self._connection.add_ice_candidate(init)

    async def stats(self) -> PeerStats:
        report = await self._connection.get_stats()
        round_trip = held = None
        for entry in report.values():
            if isinstance(entry, webrtc.RTCIceCandidatePairStats) and entry.nominated:
                round_trip = _ms(entry.current_round_trip_time)
            elif isinstance(entry, webrtc.RTCInboundRtpStreamStats) and entry.kind == "audio":
                count = entry.jitter_buffer_emitted_count
                held = _ms((entry.jitter_buffer_delay or 0.0) / count) if count else None
        return PeerStats(round_trip, held)

    async def close(self) -> None:
        self._connection.close()
        await self._tasks.cancel()

    # -- events -------------------------------------------------------------------------------------------------

    def _description(self) -> dict[str, str]:
        local = self._connection.local_description
        assert local is not None
        return {"type": str(getattr(local.type, "value", local.type)), "sdp": local.sdp}

    def _candidate(self, event: Any) -> None:
        found = event.candidate
        if found is None or not found.candidate:
            return
        self._events.candidate(
            {"candidate": found.candidate, "sdpMid": found.sdp_mid, "sdpMLineIndex": found.sdp_m_line_index}
        )

    def _state(self, _event: Any) -> None:
        state = self._connection.connection_state
        self._events.state(str(getattr(state, "value", state)))

    def _track(self, event: Any) -> None:
        if event.track.kind == "audio":
            self._tasks.start(self._read(event.track), "read audio")

    async def _read(self, track: webrtc.MediaStreamTrack) -> None:
        processor = webrtc.MediaStreamTrackProcessor(
            webrtc.MediaStreamTrackProcessorInit(track, max_buffer_size=AUDIO_QUEUE)
        )
        reader = processor.readable.get_reader()
        asked = reader.read()
        try:
            # A read that is cancelled with its reader drops a block that comes at the same moment, memory and all.
            while not (result := await asyncio.shield(asked)).done:
                self._heard(result.value)
                asked = reader.read()
        except asyncio.CancelledError:
            reader.cancel()
            if asked.done() and asked.exception() is None and (late := asked.result().value) is not None:
                late.close()
            raise

    def _heard(self, data: webrtc.AudioData) -> None:
        channels = data.number_of_channels
        pcm = np.empty(data.number_of_frames * channels, np.int16)
        data.copy_to(pcm, webrtc.AudioDataCopyToOptions(plane_index=0))
        data.close()
        self._events.audio(pcm if channels == 1 else pcm[::channels].copy())


class WrtcEngine:
    """libwebrtc. ``udp_ports``: the range media may use, None for any.

    ``loopback`` also offers loopback addresses, so that bots and people of one computer meet without any network.
    """

    name = "wrtc"

    def __init__(self, udp_ports: tuple[int, int] | None = None, *, loopback: bool = False) -> None:
        self._udp_ports = udp_ports
        if loopback:
            with suppress(webrtc.InvalidStateError):  # peers exist already: the process has decided
                webrtc.allow_loopback()

    def create_source(self) -> WrtcSource:
        return WrtcSource()

    def create_peer(self, source: Source, events: PeerEvents, ice_servers: list[dict[str, Any]]) -> WrtcPeer:
        assert isinstance(source, WrtcSource), "a source of another engine"
        servers = [
            webrtc.RTCIceServer(
                urls=server["urls"], username=server.get("username"), credential=server.get("credential")
            )
            for server in ice_servers
        ]
        configuration = webrtc.RTCConfiguration(ice_servers=servers)
        if self._udp_ports is not None:
            configuration.port_range = self._udp_ports
        return WrtcPeer(source, events, configuration)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def _session(description: dict[str, str]) -> webrtc.RTCSessionDescriptionInit:
    return webrtc.RTCSessionDescriptionInit(type=description["type"], sdp=description["sdp"])


def _i420(image: Rgb) -> bytes:
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    planes = frame.reformat(width=VIDEO_SIZE[0], height=VIDEO_SIZE[1], format="yuv420p").to_ndarray()
    return bytes(planes.tobytes())
