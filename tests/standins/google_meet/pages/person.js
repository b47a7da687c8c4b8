// Somebody in the stand-in meeting: sends a microphone to the relay, hears and sees the bot through it.
"use strict";
const name = new URLSearchParams(location.search).get("name");
const state = { chat: [], connection: "" };
window.person = { state, chat: (text) => socket.send(JSON.stringify({ type: "chat", text })) };
let socket, pc, local;
(async () => {
  local = await navigator.mediaDevices.getUserMedia({ audio: true });
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws?role=person&name=${encodeURIComponent(name)}`);
  socket.onmessage = async (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "chat") state.chat.push(message.text);
    if (message.type !== "signal") return;
    if (message.data.candidate) return pc.addIceCandidate(message.data.candidate);
    pc = new RTCPeerConnection();
    pc.onconnectionstatechange = () => (state.connection = pc.connectionState);
    pc.onicecandidate = (event) => event.candidate && socket.send(JSON.stringify({ type: "signal", data: { candidate: event.candidate } }));
    pc.ontrack = ({ track }) => {
      const element = track.kind === "video" ? document.getElementById("picture") : new Audio();
      element.autoplay = true;
      element.srcObject = new MediaStream([track]);
    };
    await pc.setRemoteDescription(message.data.description);
    const [audio] = pc.getTransceivers();
    audio.direction = "sendrecv";
    await audio.sender.replaceTrack(local.getAudioTracks()[0]);
    await pc.setLocalDescription();
    socket.send(JSON.stringify({ type: "signal", data: { description: pc.localDescription } }));
  };
})();
