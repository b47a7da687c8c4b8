// A person's microphone for words, after standins/common/pages/human.js, which records what they hear.
(() => {
  "use strict";
  const context = new AudioContext({ sampleRate: 48000 });
  const microphone = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  const before = navigator.mediaDevices.getUserMedia;
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await before.call(navigator.mediaDevices, constraints);
    for (const track of stream.getAudioTracks()) stream.removeTrack(track);
    stream.addTrack(microphone.stream.getAudioTracks()[0].clone());
    return stream;
  };
  // base64 of 48 kHz, 16 bit; done when it has been said.
  window.say = (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const pcm = new Int16Array(bytes.buffer);
    const buffer = context.createBuffer(1, pcm.length, 48000);
    buffer.copyToChannel(Float32Array.from(pcm, (sample) => sample / 32768), 0);
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(microphone);
    return new Promise((done) => {
      source.onended = () => done();
      source.start();
    });
  };
})();
