// The media server of the stand-in: whoever speaks is put on one of three tracks towards the bot, a free one, each time
// the next; with more than three at once, on that of who was quiet longest. Says which number speaks on which track.
"use strict";
const LOUD = 0.01, HOLD_MS = 300, FREE_MS = 500, AHEAD_S = 0.12;
const context = new AudioContext({ sampleRate: 48000 });
const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws?role=relay&name=relay`);
socket.binaryType = "arraybuffer";
const people = new Map(); // id -> {csrc, analyser, meter, out, level, loudAt, slot}
const peers = new Map(); // id -> pc
let bot = null; // {id, senders, slots}
let next = 0;
let csrc = 1000;
let packets = []; // [slot, time stamp, number, level] not yet told: no page may write a packet's sources itself
window.relay = { people, switched: [] };
// The bot's voice and picture, for the people.
const botVoice = context.createMediaStreamDestination();
let botPicture = null;
const mix = context.createGain();

const send = (to, data) => socket.send(JSON.stringify({ type: "signal", to, data }));
function connect(id) {
  const pc = new RTCPeerConnection();
  peers.set(id, pc);
  pc.onicecandidate = (event) => event.candidate && send(id, { candidate: event.candidate });
  return pc;
}
async function offer(id, pc) {
  await pc.setLocalDescription();
  send(id, { description: pc.localDescription });
}
// Chromium decodes a remote track only while an element plays it.
const playing = [];
function source(track) {
  const element = new Audio();
  element.muted = true;
  element.srcObject = new MediaStream([track]);
  element.play();
  playing.push(element);
  return context.createMediaStreamSource(new MediaStream([track]));
}

async function person(id) {
  const pc = connect(id);
  const one = { id, csrc: csrc++, level: 0, loudAt: -1e9, slot: null };
  pc.addTransceiver(botVoice.stream.getAudioTracks()[0], { direction: "sendrecv" });
  one.picture = pc.addTransceiver("video", { direction: "sendonly" });
  if (botPicture) one.picture.sender.replaceTrack(botPicture);
  pc.ontrack = ({ track }) => {
    one.analyser = context.createAnalyser();
    one.analyser.fftSize = 1024;
    one.out = context.createMediaStreamDestination();
    const delay = context.createDelay(1);
    delay.delayTime.value = AHEAD_S;
    source(track).connect(one.analyser);
    one.analyser.connect(delay);
    one.meter = context.createAnalyser();
    one.meter.fftSize = 1024;
    delay.connect(one.meter).connect(one.out);
    delay.connect(mix);
    people.set(id, one);
  };
  await offer(id, pc);
}

// Sees each packet of a track before it is sent.
function packetMain() {
  onrtctransform = ({ transformer }) => {
    const see = new TransformStream({
      transform(frame, out) {
        postMessage([transformer.options.slot, frame.getMetadata().rtpTimestamp]);
        out.enqueue(frame);
      },
    });
    transformer.readable.pipeThrough(see).pipeTo(transformer.writable);
  };
}
const watcher = new Worker(URL.createObjectURL(new Blob([`(${packetMain})()`], { type: "text/javascript" })));
watcher.onmessage = ({ data: [slot, stamp] }) => {
  const one = bot && bot.slots[slot];
  if (one) packets.push([slot, stamp, one.csrc, Math.min(1, loudness(one.meter) * 2)]);
};

async function meet(id) {
  const pc = connect(id);
  const mixing = SWITCHES.audio === "mixed";
  bot = { id, slots: [null, null, null], senders: [], mixing };
  // "ghosts": the receivers are there although the page decodes for itself, and give silence.
  const count = mixing && !SWITCHES.ghosts ? 0 : 3;
  for (let slot = 0; slot < count; slot++) {
    const silence = mixing ? context.createMediaStreamDestination().stream.getAudioTracks()[0] : "audio";
    const { sender } = pc.addTransceiver(silence, { direction: "sendonly" });
    if (!mixing) sender.transform = new RTCRtpScriptTransform(watcher, { slot });
    bot.senders.push(sender);
  }
  pc.addTransceiver("audio", { direction: "recvonly" });
  pc.addTransceiver("video", { direction: "recvonly" });
  pc.ontrack = ({ track }) => {
    if (track.kind === "audio") source(track).connect(botVoice);
    else {
      botPicture = track;
      for (const one of people.values()) one.picture.sender.replaceTrack(track);
    }
  };
  if (mixing) await mixToSocket();
  await offer(id, pc);
}

async function mixToSocket() {
  const code = `registerProcessor("chunks", class extends AudioWorkletProcessor {
    constructor() { super(); this.block = new Int16Array(960); this.at = 0; }
    process([input]) {
      for (let i = 0; i < 128; i++) {
        this.block[this.at++] = input[0] ? Math.max(-1, Math.min(1, input[0][i])) * 32767 : 0;
        if (this.at === 960) { this.port.postMessage(this.block.slice().buffer); this.at = 0; }
      }
      return true;
    }
  });`;
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  const node = new AudioWorkletNode(context, "chunks", { channelCount: 1, channelCountMode: "explicit" });
  mix.connect(node).connect(context.destination);
  node.port.onmessage = (event) => bot && socket.send(event.data);
}

function assign(one, now) {
  const order = [0, 1, 2].map((step) => (next + step) % 3);
  let slot = order.find((number) => bot.slots[number] === null);
  if (slot === undefined) slot = order.reduce((best, number) => (bot.slots[number].loudAt < bot.slots[best].loudAt ? number : best));
  if (bot.slots[slot]) bot.slots[slot].slot = null;
  next = (slot + 1) % 3;
  bot.slots[slot] = one;
  one.slot = slot;
  bot.senders[slot].replaceTrack(one.out.stream.getAudioTracks()[0]);
  window.relay.switched.push([now, slot, one.csrc]);
}

const samples = new Float32Array(1024);
function loudness(analyser) {
  analyser.getFloatTimeDomainData(samples);
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}
function look() {
  if (!bot) return;
  const now = performance.now();
  for (const one of people.values()) {
    one.level = loudness(one.analyser);
    if (one.level > LOUD) one.loudAt = now;
    if (bot.mixing) continue;
    if (one.level > LOUD && one.slot === null) assign(one, now);
    else if (one.slot !== null && now - one.loudAt > FREE_MS) {
      bot.senders[one.slot].replaceTrack(null);
      bot.slots[one.slot] = null;
      one.slot = null;
    }
  }
}
setInterval(() => {
  look();
  if (!bot) return (packets = []);
  const now = performance.now();
  // Of a mix the voices are told at once; otherwise the page sees them in what it plays.
  const voices = bot.mixing ? [...people.values()].filter((one) => now - one.loudAt < HOLD_MS).map((one) => one.id) : [];
  socket.send(JSON.stringify({ type: "state", to: bot.id, mixing: bot.mixing, packets, voices,
    numbers: [...people.values()].map((one) => [one.csrc, one.id]) }));
  packets = [];
}, 25);

socket.onmessage = async (event) => {
  const message = JSON.parse(event.data);
  if (message.type === "joined") await (message.role === "meet" ? meet(message.id) : person(message.id));
  else if (message.type === "left") {
    peers.get(message.id)?.close();
    peers.delete(message.id);
    const gone = people.get(message.id);
    if (gone && bot && gone.slot !== null) {
      bot.senders[gone.slot].replaceTrack(null);
      bot.slots[gone.slot] = null;
    }
    people.delete(message.id);
    if (bot && bot.id === message.id) bot = null;
  } else if (message.type === "signal") {
    const pc = peers.get(message.from);
    if (!pc) return;
    if (message.data.candidate) await pc.addIceCandidate(message.data.candidate);
    else await pc.setRemoteDescription(message.data.description);
  }
};
