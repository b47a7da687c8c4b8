// The page of the stand-in. Switches (SWITCHES):
//   lang "en"|"de"; launcher; lobby; lobby_controls (call controls are shown there, too)
//   gate "login"|"verify"|"captcha"|"encrypted"|"unknown"|"unreachable"|"not_started"|"passcode"
//   modal_before, modal_after: "goes" (by itself, as when the microphone is given late) | "stays" (until it is closed)
//   late_mute: microphone and camera are reset after admission; badge false: no number on the roster; other_title
"use strict";
const query = new URLSearchParams(location.search);
const visitor = query.get("human");
const digits = location.pathname.split("/").pop();
const WORDS = {
  en: {
    launcher: "Continue on this browser", join: "Join now", name: "Type your name", computer: "Computer audio", none: "Don't use audio",
    without: "Continue without audio or video", close: "Close", sure: "Are you sure you don't want audio or video?",
    wait: "Hi, {name}! Someone will let you in shortly", leave: "Leave", mute: "Mute mic", unmute: "Unmute mic", camOff: "Turn camera off",
    camOn: "Turn camera on", message: "Type a message", captions: "Turn on live captions", language: "Language and speech",
    denied: "Sorry, but you were denied access to the meeting.", removed: "You’ve been removed from this meeting",
    ended: "The meeting has ended", expired: "Sorry, no one responded to your request to join", left: "You left the meeting",
    verify: "We need to verify your info before you can join", captcha: "Verify you’re a real person",
    encrypted: "This meeting is end-to-end encrypted. Use the Teams app.", unknown: "We couldn’t find that meeting",
    unreachable: "Sorry, we couldn’t connect you", not_started: "The meeting hasn’t started", passcode: "Enter the meeting passcode",
    reconnecting: "Reconnecting…", recording: "This meeting is being recorded", ok: "Got it",
    consent: "Do you consent to being recorded?", yes: "Yes, I consent",
  },
  de: {
    launcher: "In diesem Browser fortfahren", join: "Jetzt teilnehmen", name: "Geben Sie Ihren Namen ein", computer: "Computeraudio",
    none: "Kein Audio verwenden", without: "Ohne Audio oder Video fortfahren", close: "Schließen", sure: "Möchten Sie wirklich ohne Audio oder Video teilnehmen?",
    wait: "Hallo {name}! Jemand lässt Sie in Kürze herein", leave: "Verlassen", mute: "Stummschalten", unmute: "Stummschaltung aufheben",
    camOff: "Kamera ausschalten", camOn: "Kamera einschalten", message: "Nachricht eingeben", captions: "Liveuntertitel aktivieren",
    language: "Sprache", denied: "Ihnen wurde der Zugriff auf die Besprechung verweigert.", removed: "Sie wurden aus dieser Besprechung entfernt",
    ended: "Die Besprechung wurde beendet", expired: "Niemand hat auf Ihre Teilnahmeanfrage reagiert", left: "Sie haben die Besprechung verlassen",
    reconnecting: "Verbindung wird wiederhergestellt…", recording: "Diese Besprechung wird aufgezeichnet", ok: "Verstanden",
  },
}[SWITCHES.lang || "en"];
const app = document.getElementById("app");
const layer = document.getElementById("layer");
let socket, me, media, pc, silent = false, people = [], chatOpen = false, captionsOn = false, state = "prejoin";
const lit = new Map();
const chats = [];
const captions = new Map();
const videos = [];
const send = (message) => socket.send(JSON.stringify(message));

function make(tag, attributes = {}, text = "", ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "click") element.addEventListener("click", value);
    else if (value !== false) element.setAttribute(name, value);
  }
  element.append(text, ...children);
  return element;
}
document.addEventListener("click", ({ target }) => {
  const what = target.closest("button,[role=radio],[role=menuitem]");
  if (!what || !socket || socket.readyState !== 1 || visitor) return;
  send({ type: "clicked", what: what.dataset.tid || what.id || what.textContent });
}, true);

function screen(...children) {
  app.replaceChildren(...children);
}
function modal(how, then) {
  const gone = () => {
    layer.replaceChildren();
    then(true);
  };
  layer.replaceChildren(make("div", { role: "dialog" }, "",
    make("h2", {}, WORDS.sure),
    make("button", { click: () => { silent = true; layer.replaceChildren(); then(false); } }, WORDS.without),
    make("button", { "aria-label": WORDS.close, click: gone }, "×")));
  if (how === "goes") setTimeout(gone, 900);
}

// -- before --
function start() {
  if (visitor) return connect(visitor).then(() => undefined);
  if (SWITCHES.gate === "login") return location.assign("/login");
  if (SWITCHES.launcher) {
    return screen(make("h1", {}, "Microsoft Teams"), make("button", { "data-tid": "joinOnWeb", click: gate }, WORDS.launcher));
  }
  gate();
}
function gate() {
  const shown = SWITCHES.gate;
  if (shown) return screen(make("h1", {}, WORDS[shown]), make("button", {}, "OK"));
  prejoin();
  if (SWITCHES.modal_before) modal(SWITCHES.modal_before, () => {});
}
function prejoin() {
  let audio = false;
  const name = make("input", { "data-tid": "prejoin-display-name-input", placeholder: WORDS.name });
  const join = make("button", { "data-tid": "prejoin-join-button", disabled: "" }, WORDS.join);
  let keys = 0;
  // As in a form that checks on keys: a value that was only set does not count.
  name.addEventListener("keydown", () => keys++);
  name.addEventListener("input", () => (join.disabled = !(name.value.trim() && keys)));
  const radio = (label, on) => {
    const element = make("div", { role: "radio", "aria-checked": String(!on), tabindex: 0, click: () => {
      audio = on;
      for (const other of element.parentElement.children) other.setAttribute("aria-checked", String(other === element));
    } }, label);
    return element;
  };
  const toggle = (tid, on, off) => {
    const element = make("div", { role: "switch", "data-tid": tid, "aria-checked": "false", tabindex: 0, click: () =>
      element.setAttribute("aria-checked", String(element.getAttribute("aria-checked") !== "true")) }, "○");
    return element;
  };
  join.addEventListener("click", async () => {
    silent = silent || !audio;
    const go = () => connect(name.value.trim());
    if (SWITCHES.modal_after) modal(SWITCHES.modal_after, go); // the button stays behind it
    else go();
  });
  screen(make("h1", { "data-tid": SWITCHES.other_title ? "" : "prejoin-meeting-title" }, SWITCHES.other_title || "Weekly"), name,
    make("div", { role: "radiogroup" }, "", radio(WORDS.computer, true), radio(WORDS.none, false)),
    toggle("toggle-mute"), toggle("toggle-video"), join);
}
async function connect(name) {
  media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  if (silent) media.getAudioTracks().forEach((track) => track.stop());
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws/${digits}`);
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  await new Promise((done) => (socket.onopen = done));
  window.teams = { name, media };
  send({ type: "knock", name, human: Boolean(visitor) });
}
function lobby() {
  state = "lobby";
  const controls = SWITCHES.lobby_controls
    ? [make("button", { id: "microphone-button", "aria-label": WORDS.mute }, "M"), make("button", { id: "hangup-button", "data-tid": "hangup-main-btn", "aria-label": WORDS.leave }, "X"),
       make("button", { id: "callingButtons-showMoreBtn" }, "…")]
    : [];
  screen(make("h1", {}, WORDS.wait.replace("{name}", window.teams.name)), make("button", { "data-tid": "prejoin-join-button", disabled: "" }, WORDS.join), ...controls);
}

// -- inside --
let micOn = true, cameraOn = true;
function inside() {
  state = "inside";
  screen(make("div", { id: "bar" }), make("div", { id: "stage" }), make("div", { id: "pane" }), make("div", { id: "words" }));
  bar();
  if (SWITCHES.late_mute && !visitor) setTimeout(() => { micOn = false; cameraOn = false; tracks(); bar(); }, 1500);
}
function tracks() {
  for (const track of media.getAudioTracks()) track.enabled = micOn;
  for (const track of media.getVideoTracks()) track.enabled = cameraOn;
}
function bar() {
  const badge = SWITCHES.badge === false ? [] : [make("span", { "data-tid": "toolbar-item-badge" }, String(people.length))];
  document.getElementById("bar").replaceChildren(
    make("button", { id: "microphone-button", "aria-label": micOn ? WORDS.mute : WORDS.unmute, click: () => { micOn = !micOn; tracks(); bar(); } }, "M"),
    make("button", { id: "video-button", "aria-label": cameraOn ? WORDS.camOff : WORDS.camOn, click: () => { cameraOn = !cameraOn; tracks(); bar(); } }, "V"),
    make("button", { id: "roster-button" }, "P", ...badge),
    make("button", { id: "chat-button", click: () => { chatOpen = !chatOpen; pane(); } }, "C"),
    make("button", { id: "callingButtons-showMoreBtn", click: menu }, "…"),
    make("button", { id: "hangup-button", "data-tid": "hangup-main-btn", "aria-label": WORDS.leave, click: () => over("left") }, "X"));
}
function menu() {
  const item = (text, click) => make("div", { role: "menuitem", tabindex: 0, click }, text);
  layer.replaceChildren(make("div", { role: "menu" }, "", item(WORDS.language, () =>
    layer.replaceChildren(make("div", { role: "menu" }, "", item(WORDS.captions, () => { captionsOn = true; layer.replaceChildren(); words(); }))))));
}
document.addEventListener("keydown", (event) => event.key === "Escape" && layer.querySelector("[role=menu]") && layer.replaceChildren());
function stage() {
  const seat = document.getElementById("stage");
  if (!seat) return;
  for (const tile of [...seat.children]) if (!people.some((one) => one.id === tile.dataset.accId)) tile.remove();
  for (const one of people) {
    if ([...seat.children].some((tile) => tile.dataset.accId === one.id)) continue;
    seat.append(make("div", { "data-stream-type": "Video", "data-tid": one.id === me ? one.name : `${one.name} (Guest)`, "data-acc-id": one.id }, "",
      make("div", { "data-tid": "voice-level-stream-outline" }), make("span", {}, one.name)));
  }
  const others = people.filter((one) => one.id !== me);
  videos.forEach((video, at) => {
    const tile = others[at] && [...seat.children].find((one) => one.dataset.accId === others[at].id);
    if (tile && video.parentElement !== tile) tile.append(video);
  });
  for (const tile of seat.children) tile.firstElementChild.classList.toggle("lit", Boolean(lit.get(tile.dataset.accId)));
}
function pane() {
  const root = document.getElementById("pane");
  if (!root) return;
  if (!chatOpen) return root.replaceChildren();
  if (!root.firstElementChild) {
    const box = make("div", { "data-tid": "ckeditor", contenteditable: "true", "aria-label": WORDS.message, style: "min-height: 20px; border: 1px solid" });
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      if (box.innerText.trim()) send({ type: "chat", text: box.innerText.trim() });
      box.replaceChildren();
    });
    root.append(make("div", { "data-tid": "message-pane-list-runway" }), box);
  }
  const list = root.firstElementChild;
  for (const message of chats) {
    if ([...list.children].some((one) => one.dataset.mid === message.id)) continue;
    list.append(make("div", { "data-tid": "chat-pane-message", "data-mid": message.id }, "",
      make("span", { "data-tid": "message-author-name" }, message.name), make("time", { datetime: new Date(message.at * 1000).toISOString() }, "now"),
      make("div", { "data-message-content": "" }, message.text)));
  }
}
function words() {
  const root = document.getElementById("words");
  if (!root || !captionsOn) return;
  if (!root.firstElementChild) root.append(make("div", { "data-tid": "closed-caption-v2-window-wrapper" }, "", make("div", { "data-tid": "closed-captions-renderer" })));
  const list = root.querySelector("[data-tid=closed-captions-renderer]");
  for (const [key, line] of captions) {
    let row = [...list.children].find((one) => one.dataset.key === key);
    if (!row) {
      row = make("div", { "data-key": key }, "", make("span", { "data-tid": "author" }, line.name), make("span", { "data-tid": "closed-caption-text" }));
      list.append(row);
    }
    row.lastElementChild.textContent = line.text;
  }
}
const shows = {
  toast: (message) => layer.replaceChildren(make("div", { role: "alert" }, message.text || WORDS.reconnecting)),
  clear: () => layer.replaceChildren(),
  recording: () => layer.replaceChildren(make("div", { role: "dialog" }, WORDS.recording, make("button", { click: () => layer.replaceChildren() }, WORDS.ok))),
  consent: () => layer.replaceChildren(make("div", { role: "dialog" }, WORDS.consent, make("button", { "data-tid": "consent-yes", click: () => layer.replaceChildren() }, WORDS.yes),
    make("button", { "data-tid": "consent-ok" }, WORDS.ok))),
  hide: () => { app.hidden = true; },
  unhide: () => { app.hidden = false; },
  stuck_glow: () => people.forEach((one) => lit.set(one.id, true)) || stage(),
};
function over(how) {
  state = "over";
  if (pc) pc.close();
  socket.close();
  layer.replaceChildren();
  screen(make("h1", {}, WORDS[how]), make("button", {}, how === "left" || how === "removed" ? "Rejoin" : "OK"));
}

async function receive(message) {
  if (message.type === "wait") lobby();
  else if (message.type === "admitted") { me = message.id; inside(); }
  else if (message.type === "roster") { people = message.people; bar(); stage(); }
  else if (message.type === "over") over(message.how);
  else if (message.type === "show") shows[message.what](message);
  else if (message.type === "chat") { chats.push(message); pane(); }
  else if (message.type === "caption") { captions.set(message.key, message); words(); }
  else if (message.type === "lit") { for (const [id, on] of Object.entries(message.people)) lit.set(id, on); stage(); }
  else if (message.type === "signal") await signal(message.data);
}
let early = [];
async function signal(data) {
  if (data.candidate) return pc && pc.remoteDescription ? pc.addIceCandidate(data.candidate) : early.push(data.candidate);
  pc = new RTCPeerConnection();
  pc.onicecandidate = ({ candidate }) => candidate && send({ type: "signal", to: "mixer", data: { candidate } });
  pc.ontrack = ({ track, transceiver, streams }) => {
    const element = make(track.kind, { autoplay: "" });
    element.srcObject = new MediaStream([track]);
    if (track.kind === "video") { videos.push(element); stage(); }
    else if (track.id.startsWith("mainAudio")) document.body.append(element);
  };
  await pc.setRemoteDescription(data.description);
  // The offer's order: double, main, our microphone, our camera, others' cameras.
  const [, , microphone, camera] = pc.getTransceivers();
  microphone.direction = camera.direction = "sendonly";
  await microphone.sender.replaceTrack(media.getAudioTracks().find((track) => track.readyState === "live") || null);
  await camera.sender.replaceTrack(media.getVideoTracks()[0] || null);
  await pc.setLocalDescription();
  send({ type: "signal", to: "mixer", data: { description: pc.localDescription } });
  for (const candidate of early.splice(0)) await pc.addIceCandidate(candidate);
}
start();
