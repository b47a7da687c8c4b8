// How loud someone is, and who is speaking.

let context = null;

/** The page's one AudioContext. Browsers start it suspended until the person touches the page. */
export function audioContext() {
  if (!context) {
    context = new AudioContext({ latencyHint: 'interactive' });
    const resume = () => context.state === 'suspended' && context.resume();
    for (const event of ['pointerdown', 'keydown']) addEventListener(event, resume, { capture: true });
  }
  if (context.state === 'suspended') context.resume().catch(() => {});
  return context;
}

/** Reads the loudness of one audio track. */
export class Meter {
  #source;
  #analyser;
  #samples;

  constructor(track) {
    const audio = audioContext();
    this.#source = audio.createMediaStreamSource(new MediaStream([track]));
    this.#analyser = audio.createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source.connect(this.#analyser);
  }

  /** Root mean square of the last ~20 ms, 0 to 1. */
  rms() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / this.#samples.length);
  }

  close() {
    this.#source.disconnect();
  }
}

/** RMS as a share of a meter's length: -54 dB is nothing, -12 dB is all. */
export function loudness(rms) {
  if (rms <= 0) return 0;
  return Math.min(1, Math.max(0, (20 * Math.log10(rms) + 54) / 42));
}

const SPEECH_DB = -46; // A quiet voice after the microphone's gain control is near -35, a quiet room near -60.
const HOLD_MS = 600; // Longer than the gaps between words.
const TAKEOVER_MS = 400; // A cough does not take the floor.

/** Decides from everyone's level who speaks. Time is an argument, in milliseconds. */
export class Speakers {
  speaking = new Set();
  active = null; // who has the floor; stays with the last speaker
  #heard = new Map(); // id -> {first, last}: when the present stretch of speech began and was last heard

  update(levels, now) {
    for (const [id, rms] of levels) {
      const stretch = this.#heard.get(id);
      if (20 * Math.log10(rms || 1e-9) > SPEECH_DB) {
        if (stretch && now - stretch.last <= HOLD_MS) stretch.last = now;
        else this.#heard.set(id, { first: now, last: now });
      }
    }
    this.speaking = new Set();
    let longest = null;
    for (const [id, { first, last }] of this.#heard) {
      if (!levels.has(id) || now - last > HOLD_MS) {
        this.#heard.delete(id);
        continue;
      }
      this.speaking.add(id);
      if (last - first >= TAKEOVER_MS && (longest === null || first < this.#heard.get(longest).first)) longest = id;
    }
    if (longest !== null && !this.speaking.has(this.active)) this.active = longest;
    if (!levels.has(this.active)) this.active = null;
    return this;
  }
}
