// A meeting of a few people, each connected to each. Signalling: tests/standins/common/server.py.
"use strict";
const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const peers = new Map();
window.tiny = { peers, facts: [] };
let socket, me, local;
const screenOf = (name) => {
  for (const id of ["prejoin", "lobby", "inside", "over"]) $(id).hidden = id !== name;
};
const send = (message) => socket.send(JSON.stringify(message));

$("name").addEventListener("keyup", () => ($("join").disabled = !$("name").value.trim()));
$("join").addEventListener("click", () => join($("name").value.trim()));
$("message").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && $("message").value) {
    send({ type: "chat", text: $("message").value });
    $("message").value = "";
  }
});
$("leave").addEventListener("click", () => {
  for (const peer of peers.values()) peer.pc.close();
  socket.close();
  over("You left the meeting");
});
function over(text) {
  $("over").textContent = text;
  screenOf("over");
}

async function join(name) {
  local = await navigator.mediaDevices.getUserMedia({ audio: true, video: query.has("video") });
  screenOf("lobby");
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/room/${query.get("room") || "a"}`);
  socket.onopen = () => send({ type: "hello", name });
  socket.onmessage = (event) => receive(JSON.parse(event.data));
  socket.onclose = () => $("over").hidden && me && over("You lost the meeting");
}

async function receive(message) {
  if (message.type === "welcome") {
    me = message.id;
    window.tiny.me = me;
    screenOf("inside");
    for (const other of message.others) await call(other.id, other.name);
  } else if (message.type === "denied") over("Someone in the meeting denied your request to join");
  else if (message.type === "ended") over("The meeting has ended");
  else if (message.type === "joined") peer(message.id, message.name);
  else if (message.type === "left") drop(message.id);
  else if (message.type === "chat") {
    const line = document.createElement("div");
    line.textContent = `${message.name}: ${message.text}`;
    $("chat").append(line);
  } else if (message.type === "signal") await signal(peer(message.from), message.data);
  window.dispatchEvent(new CustomEvent("tiny", { detail: message }));
}

function peer(id, name) {
  if (peers.has(id)) return peers.get(id);
  const pc = new RTCPeerConnection();
  const tile = document.createElement("div");
  tile.className = "tile";
  tile.dataset.participant = id;
  tile.textContent = name || id;
  $("tiles").append(tile);
  const one = { id, name, pc, tile };
  peers.set(id, one);
  for (const track of local.getTracks()) pc.addTrack(track, local);
  pc.onicecandidate = (event) => event.candidate && send({ type: "signal", to: id, data: { candidate: event.candidate } });
  pc.ontrack = (event) => {
    const element = document.createElement(event.track.kind);
    element.autoplay = true;
    element.srcObject = new MediaStream([event.track]);
    tile.append(element);
    window.dispatchEvent(new CustomEvent("tinytrack", { detail: { id, track: event.track } }));
  };
  return one;
}
function drop(id) {
  const one = peers.get(id);
  if (!one) return;
  one.pc.close();
  one.tile.remove();
  peers.delete(id);
}
async function call(id, name) {
  const { pc } = peer(id, name);
  await pc.setLocalDescription();
  send({ type: "signal", to: id, data: { description: pc.localDescription } });
}
async function signal({ id, pc }, data) {
  if (data.candidate) return pc.addIceCandidate(data.candidate);
  await pc.setRemoteDescription(data.description);
  if (data.description.type === "offer") {
    await pc.setLocalDescription();
    send({ type: "signal", to: id, data: { description: pc.localDescription } });
  }
}
