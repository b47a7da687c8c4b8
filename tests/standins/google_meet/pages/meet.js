// A page with the structure, texts and media behaviour that others documented of Google Meet's. It is "the service" here.
"use strict";
const WORDS = {
  en: {
    name: "Your name", ask: "Ask to join", now: "Join now", micOn: "Turn off microphone", micOff: "Turn on microphone",
    camOn: "Turn off camera", camOff: "Turn on camera", leave: "Leave call", effects: "Backgrounds and effects",
    waiting: "Asking to be let in", home: "Return to home screen", chat: "Chat with everyone", send: "Send a message",
    ccOn: "Turn off captions", ccOff: "Turn on captions", captions: "Captions", rejoin: "Rejoin", you: "You",
    denied: "Someone in the call denied your request to join", unanswered: "No one responded to your request to join the call",
    removed: "You’ve been removed from the meeting", hostEnded: "The host ended the meeting for everyone",
    refused: "You can’t join this video call", ready: "Ready to join?", ended: "The meeting has ended",
  },
  de: {
    name: "Dein Name", ask: "Teilnahme anfragen", now: "Jetzt teilnehmen", micOn: "Mikrofon deaktivieren", micOff: "Mikrofon aktivieren",
    camOn: "Kamera deaktivieren", camOff: "Kamera aktivieren", leave: "Anruf verlassen", effects: "Hintergründe und Effekte",
    waiting: "Deine Teilnahmeanfrage wurde gesendet", home: "Zurück zum Startbildschirm", chat: "Mit allen chatten", send: "Nachricht senden",
    ccOn: "Untertitel deaktivieren", ccOff: "Untertitel aktivieren", captions: "Untertitel", rejoin: "Erneut teilnehmen", you: "Du",
    denied: "Jemand hat deine Teilnahmeanfrage abgelehnt", unanswered: "Niemand hat auf deine Teilnahmeanfrage reagiert",
    removed: "Du wurdest aus der Besprechung entfernt", hostEnded: "Der Gastgeber hat die Besprechung beendet",
    refused: "Du kannst an diesem Videoanruf nicht teilnehmen", ready: "Bereit zum Teilnehmen?", ended: "Die Besprechung wurde beendet",
  },
};
const lang = SWITCHES.lang || "en";
const W = WORDS[lang];
document.documentElement.lang = lang;
const root = document.getElementById("root");
const make = (html) => {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
};
const icon = (name) => `<i class="google-symbols">${name}</i>`;
const button = (label, symbol, more = "") => `<button aria-label="${label} (ctrl + d)" ${more}>${icon(symbol)}</button>`;
const escape = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
const state = { mic: !SWITCHES.muted_on_entry, cam: true, captions: false };
window.standin = { state, clicks: [], knocks: [] };
let socket, local, pc, people = new Map(), me;
addEventListener("click", (event) => {
  const hit = event.target.closest("button,[role=button]");
  if (hit) window.standin.clicks.push(hit.getAttribute("aria-label") || hit.innerText);
}, true);

function controls(all) {
  const bar = make(`<div role="toolbar">${button(state.mic ? W.micOn : W.micOff, "mic", "class=mic")}
    ${button(state.cam ? W.camOn : W.camOff, "videocam", "class=cam")}
    ${all ? `<button class="cc" aria-label="${state.captions ? W.ccOn : W.ccOff}">${icon("closed_caption")}</button>
    <button class="chat" aria-label="${W.chat}" data-panel-id="2">${icon("chat")}</button>` : ""}
    <button jsname="CQylAd" aria-label="${W.leave}">${icon("call_end")}</button></div>`);
  const flip = (which, key, on, off) => bar.querySelector(which).addEventListener("click", (event) => {
    state[key] = !state[key];
    event.currentTarget.setAttribute("aria-label", state[key] ? on : off);
    if (local) for (const track of key === "mic" ? local.getAudioTracks() : local.getVideoTracks()) track.enabled = state[key];
    if (key === "captions") showCaptions();
  });
  flip(".mic", "mic", W.micOn, W.micOff);
  flip(".cam", "cam", W.camOn, W.camOff);
  if (all) {
    flip(".cc", "captions", W.ccOn, W.ccOff);
    bar.querySelector(".chat").addEventListener("click", toggleChat);
  }
  bar.querySelector("[jsname=CQylAd]").addEventListener("click", () => {
    if (SWITCHES.host) dialog(`<button>Just leave the call</button><button>End the call for everyone</button>`).then(() => bye("You left the meeting"));
    else bye("You left the meeting");
  });
  return bar;
}
// The tile of oneself that stands in the lobby too.
const preview = () => make(`<div class="tile" data-participant-id="spaces/s/devices/self"><button aria-label="${W.effects}">${icon("blur_on")}</button></div>`);

function dialog(html) {
  return new Promise((done) => {
    const box = make(`<div role="dialog" aria-modal="true">${html}</div>`);
    document.body.append(box);
    for (const one of box.querySelectorAll("button")) one.addEventListener("click", () => (box.remove(), done(one.innerText)));
  });
}

function prejoin() {
  root.replaceChildren(make(`<h1>${W.ready}</h1>`), controls(false), preview(),
    make(`<div><a href="#">Sign in with your Google Account</a>
      <input jsname="YPqjbf0" type="text" aria-label="${W.name}" maxlength="60">
      <button jsname="Qx7uuf" disabled><span>${SWITCHES.lobby ? W.ask : W.now}</span></button></div>`));
  const field = root.querySelector("input");
  const join = root.querySelector("[jsname=Qx7uuf]");
  field.addEventListener("keyup", () => (join.disabled = !field.value.trim()));
  join.addEventListener("click", () => knock(field.value.trim()));
}

async function knock(name) {
  window.standin.knocks.push(name);
  local = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of local.getAudioTracks()) track.enabled = state.mic;
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws?role=meet&name=${encodeURIComponent(name)}`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = (event) => (typeof event.data === "string" ? receive(JSON.parse(event.data)) : mixed(event.data));
  if (!SWITCHES.lobby) return root.replaceChildren(make("<p>Joining…</p>"));
  root.replaceChildren(make(`<p>${W.waiting}</p>`), preview(), controls(true), make(`<button><span>${W.home}</span></button>`));
}

function bye(text, again = true) {
  if (pc) pc.close();
  if (socket) socket.close();
  document.querySelectorAll("[role=dialog],[role=alert]").forEach((one) => one.remove());
  root.replaceChildren(make(`<h1>${text}</h1>`), make(`<div>${again ? `<button>${W.rejoin}</button>` : ""}<button>${W.home}</button></div>`));
}

async function receive(message) {
  switch (message.type) {
    case "admitted":
      me = message.id;
      await enter();
      for (const one of message.others) tile(one.id, one.name);
      if (SWITCHES.notices) for (let left = SWITCHES.notices; left; left--) dialog(`<p>This video call is being recorded</p><button>Got it</button>`);
      break;
    case "joined": tile(message.id, message.name); break;
    case "left": if (people.has(message.id)) people.get(message.id).remove(), people.delete(message.id); break;
    case "denied": bye(W.denied, false); break;
    case "unanswered": bye(W.unanswered, false); break;
    case "removed": bye(W.removed, false); break;
    case "host_ended": bye(W.hostEnded); break;
    case "ended": bye(""); break;
    case "signal": await signal(message.data); break;
    case "state": state_of(message); break;
    case "chat": addChat(message.name, message.text); break;
    case "caption": addCaption(message.name, message.text); break;
    case "toast": {
      const toast = make(`<div role="alert">${escape(message.text)}</div>`);
      document.body.append(toast);
      setTimeout(() => toast.remove(), message.ms || 3000);
      break;
    }
    case "redraw": {
      // Layout changes: all tiles go and come again.
      const all = [...document.querySelectorAll("#tiles > *")];
      all.forEach((one) => one.remove());
      setTimeout(() => document.getElementById("tiles").append(...all), message.ms);
      break;
    }
    case "dialog": dialog(message.html); break;
  }
}

async function enter() {
  const self = tileOf(me, W.you);
  self.append(make(`<button aria-label="${W.effects}">${icon("blur_on")}</button>`));
  const tiles = make('<div id="tiles"></div>');
  tiles.append(self);
  root.replaceChildren(tiles, controls(true), make('<div id="panel"></div>'), make('<div id="below"></div>'));
}
function tileOf(id, name) {
  const one = make(`<div class="tile" data-participant-id="${id}" data-requested-participant-id="${id}">
    <div jsname="QgSmzd" class="IisKdb GF8M7d gjg47c"><div></div><div></div><div></div></div>
    <button aria-label="Pin ${escape(name)} to your main screen">${icon("keep")}</button>
    <div><span class="notranslate">${escape(name)}</span></div></div>`);
  return one;
}
function tile(id, name) {
  if (people.has(id)) return;
  const one = tileOf(id, name);
  people.set(id, one);
  document.getElementById("tiles").append(one);
}

// -- media: three audio tracks for everybody, with contributing sources

const LOUD = 0.02, HOLD_MS = 300;
const slots = [0, 1, 2].map(() => ({ packets: [], rows: new Map() })); // sent, not yet played; number -> row
const numbers = new WeakMap(); // receiver -> slot
const receivers = [];
// A packet's sources are those of the relay's list whose time stamp has been played.
RTCRtpReceiver.prototype.getContributingSources = function () {
  const slot = slots[numbers.get(this)];
  if (!slot) return [];
  const [playing] = this.getSynchronizationSources();
  while (playing && slot.packets.length && ((slot.packets[0][1] - playing.rtpTimestamp) | 0) <= 0) {
    const [, rtpTimestamp, source, audioLevel] = slot.packets.shift();
    slot.rows.set(source, { source, audioLevel, timestamp: playing.timestamp, rtpTimestamp, at: performance.now() });
  }
  return [...slot.rows.values()].filter((row) => performance.now() - row.at < 10000).map(({ at, ...row }) => row);
};
let voices = { mixing: false, voices: [], numbers: [] };
const loudAt = new Map(); // number -> when it was last played loud
function state_of(message) {
  voices = message;
  for (const packet of message.packets) slots[packet[0]].packets.push(packet);
}
setInterval(() => {
  const now = performance.now();
  for (const receiver of receivers) {
    receiver.getContributingSources();
    for (const row of slots[numbers.get(receiver)].rows.values()) {
      if (row.audioLevel > LOUD && now - row.at < 100) loudAt.set(row.source, now);
    }
  }
  const heard = voices.numbers.filter(([number]) => now - (loudAt.get(number) ?? -Infinity) < HOLD_MS).map(([, id]) => id);
  for (const [id, element] of people) glow(element, (voices.mixing ? voices.voices : heard).includes(id));
}, 50);
const lit = new Map();
const LOOKS = ["wEsLMd", "Oaajhc", "OgVli", "HX2H7"];
function glow(element, on) {
  const now = performance.now();
  const one = lit.get(element) || { since: null, until: 0, step: 0, at: 0 };
  lit.set(element, one);
  if (on) {
    one.since = one.since || now;
    one.until = now + 300;
  } else if (now > one.until) one.since = null;
  const sign = element.querySelector("[jsname=QgSmzd]");
  const shines = one.since !== null && now - one.since > 200 && now < one.until;
  if (!shines) sign.className = "IisKdb GF8M7d gjg47c";
  else if (now - one.at > 180) {
    one.at = now;
    sign.className = `IisKdb GF8M7d ${LOOKS[one.step++ % LOOKS.length]}`;
  }
}

async function signal(data) {
  if (data.candidate) return pc.addIceCandidate(data.candidate);
  pc = new RTCPeerConnection();
  let slot = 0;
  pc.onicecandidate = (event) => event.candidate && socket.send(JSON.stringify({ type: "signal", data: { candidate: event.candidate } }));
  pc.ontrack = ({ track, receiver }) => {
    if (track.kind !== "audio") return;
    numbers.set(receiver, slot++);
    receivers.push(receiver);
    const element = new Audio();
    element.autoplay = true;
    element.srcObject = new MediaStream([track]);
    document.body.append(element);
  };
  await pc.setRemoteDescription(data.description);
  const sending = pc.getTransceivers().slice(-2);
  for (const [transceiver, track] of [[sending[0], local.getAudioTracks()[0]], [sending[1], local.getVideoTracks()[0]]]) {
    transceiver.direction = "sendonly";
    await transceiver.sender.replaceTrack(track);
  }
  await pc.setLocalDescription();
  socket.send(JSON.stringify({ type: "signal", data: { description: pc.localDescription } }));
}

// -- media, the other way: the page decodes and mixes for itself; no receiver has anything

let mixer = null;
function mixed(buffer) {
  if (!mixer) {
    const context = new AudioContext({ sampleRate: 48000 });
    const out = context.createMediaStreamDestination();
    const element = new Audio();
    element.autoplay = true;
    element.srcObject = out.stream;
    document.body.append(element);
    mixer = { context, out, at: 0 };
  }
  const pcm = new Int16Array(buffer);
  const audio = mixer.context.createBuffer(1, pcm.length, 48000);
  audio.getChannelData(0).set(Float32Array.from(pcm, (sample) => sample / 32768));
  const source = mixer.context.createBufferSource();
  source.buffer = audio;
  source.connect(mixer.out);
  mixer.at = Math.max(mixer.at, mixer.context.currentTime + 0.06);
  source.start(mixer.at);
  mixer.at += audio.duration;
}

// -- chat and captions

function toggleChat() {
  const panel = document.getElementById("panel");
  if (panel.children.length) return panel.replaceChildren();
  panel.append(make(`<div><div jsname="xySENc" aria-live="polite"></div>
    <textarea jsname="YPqjbf" aria-label="${W.send}" maxlength="500"></textarea>
    <button jsname="SoqoBf" aria-label="${W.send}" disabled>${icon("send")}</button></div>`));
  const field = panel.querySelector("textarea");
  const send = panel.querySelector("button");
  field.addEventListener("input", () => (send.disabled = !field.value.trim()));
  send.addEventListener("click", () => {
    socket.send(JSON.stringify({ type: "chat", text: field.value }));
    addChat("", field.value);
    field.value = "";
    send.disabled = true;
  });
  said.forEach(([name, text], number) => drawChat(name, text, number));
}
const said = [];
function addChat(name, text) {
  said.push([name, text]);
  drawChat(name, text, said.length - 1);
}
function drawChat(name, text, number) {
  const list = document.querySelector("[jsname=xySENc]");
  if (!list) return;
  const last = list.lastElementChild;
  let group = last && last.dataset.of === name ? last : null;
  if (!group) {
    group = make(`<div jsname="Ypafjf">${name ? `<div class="poVWob">${escape(name)}</div>` : ""}<div>2:44 PM</div></div>`);
    group.dataset.of = name;
    list.append(group);
  }
  group.append(make(`<div data-message-id="m${number}"><div jsname="dTKtvb">${escape(text)}</div></div>`));
}
function showCaptions() {
  document.getElementById("below").replaceChildren(...(state.captions ? [make(`<div role="region" aria-label="${W.captions}"></div>`)] : []));
}
function addCaption(name, text) {
  const region = document.querySelector("[role=region]");
  if (!region) return;
  const last = region.lastElementChild;
  if (last && last.firstElementChild.innerText === name) last.lastElementChild.textContent = text;
  else region.append(make(`<div><span class="a1">${escape(name)}</span><div class="b2">${escape(text)}</div></div>`));
}

// -- the first page

(async () => {
  if (SWITCHES.first === "signin") {
    root.replaceChildren(make("<h1>Sign in</h1>"), make("<p>Use your Google Account</p>"), make("<p>to continue to Google Meet</p>"), make('<input type="email" id="identifierId">'));
  } else if (SWITCHES.first === "refused" || SWITCHES.first === "captcha") {
    root.replaceChildren(make(`<h1>${W.refused}</h1>`), make(`<button>${W.home}</button>`));
    const size = SWITCHES.first === "captcha" ? 'width="304" height="78"' : 'width="40" height="40"';
    root.append(make(`<iframe src="/page/recaptcha.html" ${size}></iframe>`));
  } else if (SWITCHES.first === "code") {
    root.replaceChildren(make("<h1>Check your meeting code</h1>"), make("<p>Make sure you entered the correct meeting code in the URL</p>"));
  } else {
    prejoin();
    if (SWITCHES.consent) await dialog(`<p>Gemini can take notes for me in this meeting</p><button>OK</button><button>No</button>`);
    for (let left = SWITCHES.device_dialogs || 0; left; left--) {
      await dialog("<p>Do you want people to see and hear you in the meeting?</p><button>Use microphone and camera</button><button>Continue without microphone and camera</button>");
    }
  }
})();
