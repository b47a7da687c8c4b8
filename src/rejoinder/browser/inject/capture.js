// Finds every remote audio track, hands its audio to the worker (listen.js), and gives facts about the tracks.
function rejoinderCapture(core, inner) {
  "use strict";
  const entries = new Map(); // track number -> entry
  const byTrack = new WeakMap(); // MediaStreamTrack -> entry
  const connections = new Map(); // number -> {ref, number}
  let connectionNumber = 0;
  let keys = 0; // a number may be given again, a key is not
  const elements = new Set(); // WeakRefs of elements that were given a stream
  const seen = new WeakSet();
  const nativeClone = MediaStreamTrack.prototype.clone;
  const sourceObject = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject");

  MediaStreamTrack.prototype.clone = function clone() {
    const copy = nativeClone.call(this);
    if (inner.ours.has(this)) inner.ours.add(copy);
    if (inner.remote.has(this)) inner.remote.add(copy);
    return copy;
  };

  const freeNumber = () => {
    for (let number = 0; number < 256; number++) if (!entries.has(number)) return number;
    return -1;
  };

  const fact = (entry, state) =>
    core.report("track", {
      track: entry.number, state, pc: entry.pc, mid: entry.mid, stream: entry.stream, id: entry.track.id, mixed: entry.mixed,
    });

  function add(track, about) {
    if (track.kind !== "audio" || byTrack.has(track) || track.readyState !== "live") return;
    const number = freeNumber();
    if (number < 0) return;
    const entry = { number, track, key: keys++, stopped: false, running: false, sources: "", sourcesAt: 0, ...about };
    entries.set(number, entry);
    tellOwn();
    byTrack.set(track, entry);
    if (!entry.mixed) inner.remote.add(track);
    track.addEventListener("mute", () => fact(entry, "muted"));
    track.addEventListener("unmute", () => {
      fact(entry, "unmuted");
      start(entry);
    });
    track.addEventListener("ended", () => end(entry));
    fact(entry, track.muted ? "muted" : "live");
    if (!track.muted) start(entry);
  }

  function end(entry) {
    if (entry.stopped) return;
    entry.stopped = true;
    byTrack.delete(entry.track);
    entries.delete(entry.number);
    inner.deaf(entry.key);
    tellOwn();
    if (entry.copy) entry.copy.stop();
    if (entry.sink) sourceObject.set.call(entry.sink, null);
    fact(entry, "ended");
  }

  // A clone, because the page may disable or stop the original; a muted element of our own, because Chromium decodes
  // nothing that nobody plays.
  function start(entry) {
    if (entry.running || entry.stopped) return;
    entry.running = true;
    entry.copy = nativeClone.call(entry.track);
    entry.copy.enabled = true;
    entry.sink = new Audio();
    entry.sink.muted = true;
    sourceObject.set.call(entry.sink, new MediaStream([entry.copy]));
    entry.sink.play().catch(() => {});
    const { readable } = new MediaStreamTrackProcessor({ track: entry.copy, maxBufferSize: 100 });
    inner.listen({ key: entry.key, track: entry.number, backup: Boolean(entry.backup), readable });
  }

  inner.heard = ({ key, fault }) => {
    const entry = [...entries.values()].find((one) => one.key === key);
    if (!entry) return;
    entry.running = false;
    if (entry.copy) entry.copy.stop();
    if (entry.track.readyState !== "live") end(entry);
    else {
      core.report("reader_ended", { track: entry.number, fault });
      setTimeout(() => start(entry), 100);
    }
  };

  const tellOwn = () => inner.own([...entries.values()].filter((entry) => !entry.backup).length);

  function hook(win) {
    const Original = win.RTCPeerConnection;
    if (!Original || Original.rejoinder) return;
    class RTCPeerConnection extends Original {
      constructor(...args) {
        super(...args);
        const number = connectionNumber++;
        connections.set(number, new WeakRef(this));
        this.addEventListener("track", (event) => {
          adopt(number, event.receiver, event.transceiver, event.streams[0]);
        });
        this.addEventListener("connectionstatechange", () => {
          core.report("connection", { pc: number, state: this.connectionState });
        });
      }
    }
    Object.defineProperty(RTCPeerConnection, "rejoinder", { value: true });
    win.RTCPeerConnection = RTCPeerConnection;
    if (win.webkitRTCPeerConnection) win.webkitRTCPeerConnection = RTCPeerConnection;
  }

  function adopt(pc, receiver, transceiver, stream) {
    const track = receiver.track;
    if (track.kind !== "audio") return;
    const mid = transceiver ? transceiver.mid : null;
    add(track, { pc, receiver, transceiver, mid, stream: stream ? stream.id : null, mixed: false });
  }

  function rescan() {
    for (const [number, ref] of connections) {
      const pc = ref.deref();
      if (!pc || pc.connectionState === "closed") {
        connections.delete(number);
        for (const entry of [...entries.values()]) if (entry.pc === number) end(entry);
        continue;
      }
      for (const transceiver of pc.getTransceivers()) {
        if (transceiver.receiver.track.readyState === "live" && transceiver.currentDirection) {
          const receiving = transceiver.currentDirection === "sendrecv" || transceiver.currentDirection === "recvonly";
          if (receiving) adopt(number, transceiver.receiver, transceiver, null);
        }
      }
    }
    for (const entry of [...entries.values()]) {
      // A receiver's track the page merely stopped is still sent, and our clone still hears it.
      const over = entry.receiver ? entry.transceiver && entry.transceiver.currentDirection === "stopped" : entry.track.readyState === "ended";
      if (over) end(entry);
    }
    for (const element of document.querySelectorAll("audio,video")) note(element);
    for (const ref of elements) {
      const element = ref.deref();
      if (!element) elements.delete(ref);
      else mixedOf(element);
    }
  }

  function note(element) {
    if (seen.has(element)) return;
    seen.add(element);
    elements.add(new WeakRef(element));
  }

  // What an element plays to people and no receiver gives: a page that decodes or mixes for itself.
  function mixedOf(element) {
    const stream = element.srcObject;
    if (!(stream instanceof MediaStream) || element.muted || element.paused || element.volume === 0) return;
    for (const track of stream.getAudioTracks()) {
      if (inner.ours.has(track) || inner.remote.has(track) || byTrack.has(track)) continue;
      add(track, { pc: null, receiver: null, mid: null, stream: stream.id, mixed: true, backup: true });
    }
  }

  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
    ...sourceObject,
    set(stream) {
      sourceObject.set.call(this, stream);
      if (stream) note(this);
    },
  });

  // A page that plays through WebAudio only.
  const connect = AudioNode.prototype.connect;
  const tees = new WeakMap();
  AudioNode.prototype.connect = function (destination, ...rest) {
    const result = connect.call(this, destination, ...rest);
    if (destination instanceof AudioDestinationNode && destination.context instanceof AudioContext) {
      let tee = tees.get(destination);
      if (!tee) {
        tee = destination.context.createMediaStreamDestination();
        tees.set(destination, tee);
        add(tee.stream.getAudioTracks()[0], {
          pc: null, receiver: null, mid: null, stream: "webaudio", mixed: true, backup: true,
        });
      }
      connect.call(this, tee, ...(rest.length ? [rest[0]] : []));
    }
    return result;
  };
  const disconnect = AudioNode.prototype.disconnect;
  AudioNode.prototype.disconnect = function (destination, ...rest) {
    if (destination instanceof AudioDestinationNode && tees.has(destination)) {
      try {
        disconnect.call(this, tees.get(destination));
      } catch (error) {
        // It was connected before we looked.
      }
    }
    return destination === undefined ? disconnect.call(this) : disconnect.call(this, destination, ...rest);
  };

  // Contributing sources, stamped with our own clock: the page's stamps are the sender's. A source speaks when its stamp
  // moves, which it does with packets; between two packets, and while one is late, nobody is gone yet.
  const SOURCES_MS = 40;
  const SELDOM = 5; // asking costs a trip to another thread: a page that has shown no source yet is asked each 200 ms
  const GONE_MS = 3 * SOURCES_MS;
  const VOICE_LEVEL = 0.05; // a source that was there without a voice is told of when it gets one
  let numbered = false;
  let rounds = 0;
  function sources() {
    if (!numbered && ++rounds % SELDOM) return;
    const now = performance.now();
    for (const entry of entries.values()) {
      if (!entry.receiver) continue;
      const all = entry.receiver.getContributingSources();
      if (!all.length && !entry.sources) continue;
      numbered = true;
      const stamps = (entry.stamps = entry.stamps || new Map());
      const fresh = [];
      for (const source of all) {
        if (stamps.get(source.source) === source.timestamp) continue;
        stamps.set(source.source, source.timestamp);
        fresh.push([source.source, source.audioLevel === undefined ? null : source.audioLevel]);
      }
      if (stamps.size > 64) entry.stamps = new Map(all.map((source) => [source.source, source.timestamp]));
      if (fresh.length) entry.freshAt = now;
      else if (now - entry.freshAt < GONE_MS) continue;
      fresh.sort((one, other) => (other[1] || 0) - (one[1] || 0));
      const key = fresh.map((row) => row[0]).join();
      const voiced = fresh.some((row) => row[1] === null || row[1] > VOICE_LEVEL);
      const same = key === entry.sources;
      if (same && (entry.voiced || !voiced) && (!key || now - entry.sourcesAt < 190)) continue;
      entry.voiced = voiced || (same && entry.voiced);
      entry.sources = key;
      entry.sourcesAt = now;
      core.report("csrc", { track: entry.number, sources: fresh.slice(0, 16) });
    }
  }

  async function stats() {
    let rtt = null;
    const tracks = {};
    for (const [number, ref] of connections) {
      const pc = ref.deref();
      if (!pc || pc.connectionState !== "connected") continue;
      const report = await pc.getStats();
      for (const row of report.values()) {
        if (row.type === "candidate-pair" && row.nominated && row.currentRoundTripTime !== undefined) {
          rtt = Math.round(row.currentRoundTripTime * 10000) / 10;
        }
        if (row.type !== "inbound-rtp" || row.kind !== "audio" || !row.jitterBufferEmittedCount) continue;
        for (const entry of entries.values()) {
          if (entry.pc !== number || entry.mid !== row.mid) continue;
          const last = entry.jitter || [0, 0];
          const samples = row.jitterBufferEmittedCount - last[1];
          if (samples > 0) tracks[entry.number] = Math.round(((row.jitterBufferDelay - last[0]) / samples) * 10000) / 10;
          entry.jitter = [row.jitterBufferDelay, row.jitterBufferEmittedCount];
        }
      }
    }
    if (rtt !== null || Object.keys(tracks).length) core.report("stats", { rtt_ms: rtt, tracks });
  }

  core.tracks = () =>
    [...entries.values()].map((entry) => ({
      track: entry.number, pc: entry.pc, mid: entry.mid, stream: entry.stream, id: entry.track.id, mixed: entry.mixed,
      element: [...elements].map((ref) => ref.deref()).find((element) => element && element.srcObject instanceof MediaStream &&
        element.srcObject.getAudioTracks().some((track) => track === entry.track)) || null,
    }));
  hook(window);
  setInterval(rescan, 1000);
  setInterval(sources, SOURCES_MS);
  setInterval(() => stats().catch(() => {}), 3000);
  return { hook };
}
