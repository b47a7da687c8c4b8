// A microphone and a camera of our making, instead of the computer's: what the page gets from getUserMedia.
function rejoinderSpeak(core, inner, camera) {
  "use strict";
  const LEAD_MS = 8;

  // On the audio thread. Plays what comes, LEAD_MS after the first block of a run; a run that broke off because a block
  // was late begins again with more lead.
  function workletMain(leadMs) {
    class Speaker extends AudioWorkletProcessor {
      constructor() {
        super();
        this.blocks = [];
        this.offset = 0;
        this.queued = 0;
        this.played = 0;
        this.flushed = 0;
        this.playing = false;
        this.startAt = 0;
        this.emptyAt = -1e9;
        this.lead = leadMs / 1000;
        this.reportAt = 0;
        this.last = 0;
        this.fade = 0;
        this.port.onmessage = (event) => {
          if (event.data.port) {
            this.out = event.data.port;
            this.out.onmessage = (message) => this.take(message.data);
          }
        };
      }
      take(message) {
        if (message.pcm) {
          const pcm = new Int16Array(message.pcm);
          if (!this.queued && !this.playing) {
            const late = currentTime - this.emptyAt;
            if (late < 0.06) this.lead = Math.min(0.06, this.lead + 0.01);
            else if (late > 1) this.lead = Math.max(leadMs / 1000, this.lead - 0.004);
            this.startAt = currentTime + this.lead;
          }
          this.blocks.push(pcm);
          this.queued += pcm.length;
          while (this.queued > 96000) {
            const old = this.blocks.shift();
            this.queued -= old.length - this.offset;
            this.offset = 0;
          }
        } else if (message.flush !== undefined) {
          this.blocks = [];
          this.offset = 0;
          this.queued = 0;
          this.flushed = message.flush;
          this.playing = false;
          this.emptyAt = -1e9;
          this.fade = Math.abs(this.last) > 0 ? 96 : 0;
          this.tell();
        }
      }
      tell() {
        if (this.out) this.out.postMessage({ playing: this.playing, flushed: this.flushed, played: this.played });
        this.reportAt = currentTime + 0.1;
      }
      process(inputs, outputs) {
        const out = outputs[0][0];
        let at = 0;
        for (; this.fade > 0 && at < out.length; at++) out[at] = (this.last * this.fade--) / 96;
        if (this.queued && !this.playing && currentTime >= this.startAt) this.playing = true;
        if (this.playing) {
          while (at < out.length && this.blocks.length) {
            const block = this.blocks[0];
            out[at++] = block[this.offset++] / 32768;
            this.queued--;
            this.played++;
            if (this.offset === block.length) {
              this.blocks.shift();
              this.offset = 0;
            }
          }
          if (!this.queued) {
            this.playing = false;
            this.emptyAt = currentTime;
            this.tell();
          }
        }
        this.last = this.fade > 0 ? this.last : out[out.length - 1];
        if (this.playing && currentTime >= this.reportAt) this.tell();
        return true;
      }
    }
    registerProcessor("rejoinder-speaker", Speaker);
  }

  let microphone = null;
  async function openMicrophone() {
    const context = new AudioContext({ sampleRate: 48000, latencyHint: "interactive" });
    const code = new Blob([`(${workletMain})(${LEAD_MS})`], { type: "text/javascript" });
    await context.audioWorklet.addModule(URL.createObjectURL(code));
    const node = new AudioWorkletNode(context, "rejoinder-speaker", { numberOfInputs: 0, outputChannelCount: [1] });
    const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    node.connect(destination);
    const pipe = new MessageChannel();
    node.port.postMessage({ port: pipe.port1 }, [pipe.port1]);
    inner.speaker(pipe.port2);
    if (context.state !== "running") await context.resume();
    setInterval(() => context.state === "suspended" && context.resume(), 1000);
    return { context, node, destination };
  }

  const DEVICES = [
    { deviceId: "default", kind: "audioinput", label: "rejoinder microphone", groupId: "rejoinder" },
    { deviceId: "camera", kind: "videoinput", label: "rejoinder camera", groupId: "rejoinder" },
    { deviceId: "default", kind: "audiooutput", label: "rejoinder speaker", groupId: "rejoinder" },
  ];

  function dress(track, device) {
    inner.ours.add(track);
    const settings = track.getSettings.bind(track);
    track.getSettings = () => ({ ...settings(), deviceId: device.deviceId, groupId: device.groupId });
    const nativeCapabilities = track.getCapabilities ? track.getCapabilities.bind(track) : () => ({});
    track.getCapabilities = () => ({ ...nativeCapabilities(), deviceId: device.deviceId, groupId: device.groupId });
    track.applyConstraints = async () => {};
    Object.defineProperty(track, "label", { value: device.label });
    return track;
  }

  const media = navigator.mediaDevices;
  if (!media) return;
  media.getUserMedia = async (constraints = {}) => {
    if (!constraints.audio && !constraints.video) throw new TypeError("At least one of audio and video must be requested");
    const tracks = [];
    if (constraints.audio) {
      microphone = microphone || openMicrophone();
      const { destination } = await microphone;
      tracks.push(dress(destination.stream.getAudioTracks()[0].clone(), DEVICES[0]));
    }
    if (constraints.video) tracks.push(dress(camera(), DEVICES[1]));
    core.report("media_given", { audio: Boolean(constraints.audio), video: Boolean(constraints.video) });
    return new MediaStream(tracks);
  };
  for (const old of ["getUserMedia", "webkitGetUserMedia"]) {
    if (navigator[old]) navigator[old] = (constraints, done, failed) => media.getUserMedia(constraints).then(done, failed);
  }
  media.enumerateDevices = async () => DEVICES.map((device) => ({ ...device, toJSON: () => device }));
}
