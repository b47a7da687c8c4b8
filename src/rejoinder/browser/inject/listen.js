// In the worker: the audio of the page's tracks as 20 ms blocks of 48 kHz, 16 bit. The tracks' streams are handed over by
// capture.js, so that nothing is lost or late while the page's main thread is busy.
function rejoinderListen(send, say, now) {
  "use strict";
  const BLOCK = 960;
  const HEADER = 14;
  const LITTLE = true;
  const heard = new Map(); // key of a track -> what is known of it
  const numbers = new Uint32Array(256); // blocks sent, by track number

  async function read(one, reader) {
    let block = null;
    let filled = 0;
    let loud = false;
    let scratch = new Float32Array(480);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const frames = value.numberOfFrames;
      const rate = value.sampleRate;
      if (scratch.length < frames) scratch = new Float32Array(frames);
      value.copyTo(scratch, { planeIndex: 0, format: "f32-planar" });
      value.close();
      if (rate !== 48000 && rate !== one.rate) say("odd_rate", { track: one.track, rate });
      one.rate = rate;
      for (let at = 0; at < frames; at++) {
        if (block === null) {
          block = new ArrayBuffer(HEADER + 2 * BLOCK);
          block.pcm = new Int16Array(block, HEADER);
          filled = 0;
          loud = false;
        }
        const sample = scratch[at];
        const whole = sample >= 1 ? 32767 : sample <= -1 ? -32768 : Math.round(sample * 32767);
        if (whole) loud = true;
        block.pcm[filled++] = whole;
        if (filled === BLOCK) {
          give(one, block, loud);
          block = null;
        }
      }
    }
  }

  function give(one, block, loud) {
    if (!heard.has(one.key) || (one.backup && !mixIsHeard(one, loud))) return;
    if (loud && !one.backup) ownLoudAt = performance.now();
    const frame = loud ? block : block.slice(0, HEADER);
    const view = new DataView(frame);
    view.setUint8(0, 1);
    view.setUint8(1, one.track);
    view.setUint32(2, numbers[one.track]++, LITTLE);
    view.setFloat64(6, now(), LITTLE);
    send(frame);
  }

  // A mix is heard where no track is somebody's own, and where those tracks are silent while the mix is not: a page
  // that decodes for itself may leave its receivers standing. The moment of doubt keeps a page that plays the tracks
  // through a mix of its own from being heard twice.
  const OWN_KEEPS_MS = 1500;
  const DOUBT_MS = 200;
  let ownLoudAt = -Infinity;
  let owned = 0; // tracks of the page that are somebody's own
  function mixIsHeard(one, loud) {
    if (!owned) return true;
    const at = performance.now();
    if (at - ownLoudAt < OWN_KEEPS_MS) {
      one.loudSince = null;
      one.believed = false;
    } else if (!loud && !one.believed) one.loudSince = null;
    else if (loud && !one.believed) {
      one.loudSince ??= at;
      one.believed = at - one.loudSince >= DOUBT_MS;
    }
    return Boolean(one.believed);
  }

  return {
    // {key, track, backup, readable}; `ended` is called when the stream is over, with what went wrong or "".
    async start(one, ended) {
      heard.set(one.key, one);
      let fault = "";
      try {
        await read(one, one.readable.getReader());
      } catch (error) {
        fault = String(error).slice(0, 200);
      }
      ended(one.key, fault);
    },
    stop: (key) => heard.delete(key),
    own(count) {
      owned = count;
    },
  };
}
