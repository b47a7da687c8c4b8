// Sound and picture of the stand-in client: without WebRTC (a worklet mixes what comes over the socket), or a WebRTC mesh
// whose streams are named after people.
"use strict";
const RATE = 48000;
function mediaWorklets() {
  class Mic extends AudioWorkletProcessor {
    constructor() {
      super();
      this.block = new Int16Array(960);
      this.filled = 0;
    }
    process(inputs) {
      const input = inputs[0][0];
      for (let at = 0; at < 128; at++) {
        this.block[this.filled++] = Math.max(-1, Math.min(1, input ? input[at] : 0)) * 32767;
        if (this.filled === 960) {
          this.port.postMessage(this.block.slice());
          this.filled = 0;
        }
      }
      return true;
    }
  }
  class Mixer extends AudioWorkletProcessor {
    constructor() {
      super();
      this.voices = new Map();
      this.port.onmessage = ({ data }) => {
        const voice = this.voices.get(data.id) || { blocks: [], offset: 0, begun: false };
        this.voices.set(data.id, voice);
        voice.blocks.push(data.pcm);
        if (voice.blocks.length > 3) voice.begun = true;
        while (voice.blocks.length > 8) voice.blocks.shift();
      };
    }
    process(inputs, outputs) {
      const out = outputs[0][0];
      for (const voice of this.voices.values()) {
        if (!voice.begun) continue;
        for (let at = 0; at < out.length; at++) {
          const block = voice.blocks[0];
          if (!block) {
            voice.begun = false;
            break;
          }
          out[at] += block[voice.offset++] / 32768;
          if (voice.offset === block.length) {
            voice.blocks.shift();
            voice.offset = 0;
          }
        }
      }
      return true;
    }
  }
  registerProcessor("standin-mic", Mic);
  registerProcessor("standin-mixer", Mixer);
}

class Media {
  constructor(send) {
    this.send = send;
    this.peers = new Map();
  }
  async take() {
    this.local = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  }
  async start(id, others) {
    this.id = id;
    if (config.audio === "sdk") {
      for (const other of others) await this.call(other);
    } else {
      this.context = new AudioContext({ sampleRate: RATE });
      await this.context.audioWorklet.addModule(
        URL.createObjectURL(new Blob([`(${mediaWorklets})()`], { type: "text/javascript" })));
      const mic = new AudioWorkletNode(this.context, "standin-mic", { numberOfOutputs: 0 });
      this.context.createMediaStreamSource(new MediaStream(this.local.getAudioTracks())).connect(mic);
      mic.port.onmessage = ({ data }) => this.muted || this.send(data.buffer);
      this.mixer = new AudioWorkletNode(this.context, "standin-mixer", { numberOfInputs: 0, outputChannelCount: [1] });
      this.mixer.connect(this.context.destination);
      const person = window.human || (window.top !== window && window.top.human);
      if (person) {
        const ear = this.context.createMediaStreamDestination();
        this.mixer.connect(ear);
        person.listen("mix", ear.stream.getAudioTracks()[0]);
      }
    }
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = new MediaStream(this.local.getVideoTracks());
    video.play().catch(() => {});
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });
    setInterval(() => {
      if (!video.videoWidth || this.dark) return;
      canvas.getContext("2d").drawImage(video, 0, 0, 64, 36);
      this.send(JSON.stringify({ do: "image", jpeg: canvas.toDataURL("image/jpeg") }));
    }, 500);
  }
  play(data) {
    const id = new DataView(data).getUint32(0, true);
    if (this.mixer) this.mixer.port.postMessage({ id, pcm: new Int16Array(data.slice(4)) });
  }
  stop() {
    for (const id of this.peers.keys()) this.drop(id);
    if (this.context) this.context.close();
  }
  drop(id) {
    const pc = this.peers.get(id);
    if (pc) pc.close();
    this.peers.delete(id);
  }
  // -- one track for each person
  peer(id) {
    if (this.peers.has(id)) return this.peers.get(id);
    const pc = new RTCPeerConnection();
    this.peers.set(id, pc);
    for (const track of this.local.getAudioTracks()) pc.addTrack(track, this.local);
    pc.onicecandidate = (event) => event.candidate && this.signal(id, { candidate: event.candidate });
    pc.ontrack = (event) => {
      const element = document.createElement("audio");
      element.autoplay = true;
      element.srcObject = event.streams[0];
      document.body.append(element);
    };
    return pc;
  }
  signal(to, data) {
    this.send(JSON.stringify({ do: "signal", to, data }));
  }
  // The stream is named after the person who sends it.
  named(description) {
    return { type: description.type, sdp: description.sdp.replaceAll(this.local.id, `s1+CS+${this.id}`) };
  }
  async call(id) {
    const pc = this.peer(id);
    await pc.setLocalDescription();
    this.signal(id, { description: this.named(pc.localDescription) });
  }
  async signalled(from, data) {
    const pc = this.peer(from);
    if (data.candidate) return pc.addIceCandidate(data.candidate);
    await pc.setRemoteDescription(data.description);
    if (data.description.type === "offer") {
      await pc.setLocalDescription();
      this.signal(from, { description: this.named(pc.localDescription) });
    }
  }
}
