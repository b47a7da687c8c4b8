// What Teams' media servers do: everybody gets one mix of all others, the same mix a second time on another track, and the
// cameras of others; and everybody's page is told who speaks.
"use strict";
const digits = location.pathname.split("/").pop();
const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws/${digits}`);
const send = (message) => socket.send(JSON.stringify(message));
const context = new AudioContext({ sampleRate: 48000 });
const members = new Map();
const gains = { main: 1, double: 1 };
const LIT_LEVEL = 0.02;
const DARK_AFTER_MS = 300;
const LIT_LAG_MS = 200; // tiles light up after the voice is heard

socket.onopen = () => send({ type: "mixer" });
socket.onmessage = async ({ data }) => {
  const message = JSON.parse(data);
  if (message.type === "member") await add(message.id, message.switches);
  else if (message.type === "gone") drop(message.id);
  else if (message.type === "signal") {
    const member = members.get(message.from);
    if (!member) return;
    if (message.data.candidate) await member.pc.addIceCandidate(message.data.candidate);
    else await member.pc.setRemoteDescription(message.data.description);
  } else if (message.type === "gains") {
    Object.assign(gains, message);
    for (const member of members.values()) {
      member.main.gain.value = gains.main;
      member.double.gain.value = gains.double;
    }
  }
};

// Ids of tracks are the sender's words in the offer; a page cannot choose its own tracks'.
function renamed(sdp, tracks) {
  for (const [id, name] of tracks) sdp = sdp.replaceAll(id, name);
  return sdp;
}

async function add(id, switches) {
  const pc = new RTCPeerConnection();
  const mix = new GainNode(context);
  const main = new GainNode(context, { gain: gains.main });
  const double = new GainNode(context, { gain: gains.double });
  const outs = [main, double].map((gain) => {
    const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    mix.connect(gain).connect(out);
    return out.stream;
  });
  const names = switches.no_main ? ["audioOne", "audioTwo"] : ["mainAudio", "audioDouble"];
  const ids = outs.map((stream, at) => [stream.getAudioTracks()[0].id, `${names[at]}-${id.split(":").pop()}`]);
  // The double first, so that order alone does not find the main mix.
  for (const stream of [outs[1], outs[0]]) {
    pc.addTransceiver(stream.getAudioTracks()[0], { direction: "sendonly", streams: [stream] });
  }
  pc.addTransceiver("audio", { direction: "recvonly" });
  const camera = pc.addTransceiver("video", { direction: "recvonly" });
  const seats = [0, 1].map(() => pc.addTransceiver("video", { direction: "sendonly" }));
  const member = { id, pc, mix, main, double, seats, source: null, analyser: null, lit: false, heardAt: 0, camera };
  pc.onicecandidate = ({ candidate }) => candidate && send({ type: "signal", to: id, data: { candidate } });
  pc.ontrack = ({ track }) => (track.kind === "audio" ? hear(member, track) : cameras());
  members.set(id, member);
  await pc.setLocalDescription();
  const description = { type: "offer", sdp: renamed(pc.localDescription.sdp, ids) };
  send({ type: "signal", to: id, data: { description } });
  for (const other of members.values()) if (other.source && other !== member) other.source.connect(mix);
}

function hear(member, track) {
  const element = new Audio();
  element.muted = true;
  element.srcObject = new MediaStream([track]);
  element.play();
  member.element = element;
  member.source = context.createMediaStreamSource(element.srcObject);
  member.analyser = new AnalyserNode(context, { fftSize: 2048 });
  member.source.connect(member.analyser);
  for (const other of members.values()) if (other !== member) member.source.connect(other.mix);
}

async function cameras() {
  for (const member of members.values()) {
    const others = [...members.values()].filter((other) => other !== member);
    for (const [at, seat] of member.seats.entries()) {
      const track = others[at] ? others[at].camera.receiver.track : null;
      if (seat.sender.track !== track) await seat.sender.replaceTrack(track);
    }
  }
}

function drop(id) {
  const member = members.get(id);
  if (!member) return;
  members.delete(id);
  if (member.source) member.source.disconnect();
  member.pc.close();
  cameras();
}

const samples = new Float32Array(2048);
setInterval(() => {
  const people = {};
  const now = performance.now();
  for (const member of members.values()) {
    if (!member.analyser) continue;
    member.analyser.getFloatTimeDomainData(samples);
    const level = Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length);
    if (level > LIT_LEVEL) member.heardAt = now;
    const lit = level > LIT_LEVEL || (member.lit && now - member.heardAt < DARK_AFTER_MS);
    if (lit !== member.lit) people[member.id] = member.lit = lit;
  }
  if (Object.keys(people).length) setTimeout(() => send({ type: "lit", people }), LIT_LAG_MS);
}, 50);
setInterval(cameras, 1000);
