// A person at a stand-in meeting: a microphone of the test's choosing and an exact record of what is heard.
// Runs before the page's scripts. `human.tone(hz, level)`, `human.chirp()`, `human.speak(pcm)`, `human.silence()`; `human.heard()`.
(() => {
  "use strict";
  const RATE = 48000;
  function workletMain() {
    // One clock for what is said and what is heard: the audio thread's frame number.
    class Voice extends AudioWorkletProcessor {
      constructor() {
        super();
        this.buffer = null;
        this.port.onmessage = (event) => {
          this.buffer = event.data.buffer;
          this.once = event.data.once;
          this.start = currentFrame;
          this.port.postMessage({ started: currentFrame });
        };
      }
      process(inputs, outputs) {
        const out = outputs[0][0];
        if (this.buffer) {
          for (let at = 0; at < out.length; at++) {
            const place = currentFrame - this.start + at;
            out[at] = this.once && place >= this.buffer.length ? 0 : this.buffer[place % this.buffer.length];
          }
        }
        return true;
      }
    }
    class Ear extends AudioWorkletProcessor {
      constructor() {
        super();
        this.block = new Float32Array(960);
        this.filled = 0;
      }
      process(inputs) {
        const input = inputs[0][0];
        for (let at = 0; at < 128; at++) {
          this.block[this.filled++] = input ? input[at] : 0;
          if (this.filled === 960) {
            this.port.postMessage({ frame: currentFrame + at + 1 - 960, block: this.block });
            this.filled = 0;
          }
        }
        return true;
      }
    }
    registerProcessor("human-voice", Voice);
    registerProcessor("human-ear", Ear);
  }
  let opened = null;
  const open = () =>
    (opened = opened || (async () => {
      const context = new AudioContext({ sampleRate: RATE });
      await context.audioWorklet.addModule(
        URL.createObjectURL(new Blob([`(${workletMain})()`], { type: "text/javascript" })));
      const voice = new AudioWorkletNode(context, "human-voice", { numberOfInputs: 0, outputChannelCount: [1] });
      const microphone = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
      voice.connect(microphone);
      return { context, voice, microphone };
    })());
  const tracks = new Map(); // key -> {blocks: [{frame, block}]}
  let offset = Infinity; // ms: performance time of frame 0, smallest seen
  const say = async (buffer, once = false) => {
    const { voice } = await open();
    return new Promise((done) => {
      voice.port.onmessage = (event) => done(event.data.started);
      voice.port.postMessage({ buffer, once });
    });
  };
  const sine = (hz, level) => Float32Array.from({ length: RATE }, (_, at) => level * Math.sin((2 * Math.PI * hz * at) / RATE));
  window.human = {
    tone: (hz, level = 0.3) => say(sine(hz, level)),
    silence: () => say(new Float32Array(RATE)),
    // base64 of 48 kHz, 16 bit: once, then silence.
    speak(text) {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      return say(Float32Array.from(new Int16Array(bytes.buffer), (sample) => sample / 32768), true);
    },
    // One second, over and over: 300 to 5000 Hz.
    chirp: (level = 0.3) =>
      say(Float32Array.from({ length: RATE }, (_, at) => {
        const time = at / RATE;
        return level * Math.sin(2 * Math.PI * (300 * time + 2350 * time * time));
      })),
    // Wall clock seconds of an audio frame.
    at: (frame) => (performance.timeOrigin + offset + (frame * 1000) / RATE) / 1000,
    async listen(key, track) {
      const { context } = await open();
      const ear = new AudioWorkletNode(context, "human-ear");
      const kept = { blocks: [], keep: 500 };
      context.createMediaStreamSource(new MediaStream([track])).connect(ear);
      const sink = context.createGain();
      sink.gain.value = 0;
      ear.connect(sink).connect(context.destination);
      ear.port.onmessage = (event) => {
        const { frame, block } = event.data;
        offset = Math.min(offset, performance.now() - ((frame + 960) * 1000) / RATE);
        kept.blocks.push({ frame, block });
        if (kept.blocks.length > kept.keep) kept.blocks.shift();
      };
      tracks.set(key, kept);
    },
    keys: () => [...tracks.keys()],
    keep: (seconds) => tracks.forEach((kept) => (kept.keep = seconds * 50)),
    // The last `seconds` of what is heard of someone: base64 of 32 bit floats, and the wall clock of its first sample.
    heard(key, seconds) {
      const kept = tracks.get(key);
      if (!kept) return null;
      const blocks = kept.blocks.slice(-Math.ceil(seconds * 50));
      if (!blocks.length) return null;
      const all = new Float32Array(blocks.length * 960);
      blocks.forEach(({ block }, number) => all.set(block, number * 960));
      let text = "";
      const bytes = new Uint8Array(all.buffer);
      for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
      return { at: window.human.at(blocks[0].frame), samples: btoa(text) };
    },
    // Mean colour of the picture someone sends.
    async colour(selector) {
      const video = document.querySelector(selector);
      if (!video || !video.videoWidth) return null;
      const canvas = new OffscreenCanvas(8, 8);
      const context = canvas.getContext("2d");
      context.drawImage(video, 0, 0, 8, 8);
      const data = context.getImageData(2, 2, 4, 4).data;
      return [0, 1, 2].map((part) => data.filter((_, at) => at % 4 === part).reduce((sum, one) => sum + one, 0) / 16);
    },
  };
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const { microphone } = await open();
    const all = [microphone.stream.getAudioTracks()[0].clone()];
    if (constraints.video) {
      const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });
      const context = canvas.getContext("2d");
      let tick = 0;
      setInterval(() => {
        context.fillStyle = ++tick % 2 ? "#00f" : "#00e";
        context.fillRect(0, 0, 64, 36);
      }, 500);
      all.push(canvas.captureStream(5).getVideoTracks()[0]);
    }
    return new MediaStream(all);
  };
  // Whatever remote audio a page plays through peer connections is listened to, by order of arrival: "0", "1", ...
  const Original = window.RTCPeerConnection;
  let count = 0;
  window.RTCPeerConnection = class RTCPeerConnection extends Original {
    constructor(...args) {
      super(...args);
      this.addEventListener("track", (event) => event.track.kind === "audio" && window.human.listen(String(count++), event.track));
    }
  };
})();
