// What the others say: one audio element each, and who of them is speaking.

import { $, el } from './dom.js';
import { Meter, Speakers } from './levels.js';

const INTERVAL_MS = 80;

/** Fires 'levels' (detail: {levels: Map, speaking: Set, active}) and 'blocked' (detail: boolean). */
export class Sound extends EventTarget {
  #elements = new Map();
  #meters = new Map();
  #speakers = new Speakers();
  #timer;
  #sink = '';
  blocked = false;
  levels = new Map();

  constructor() {
    super();
    this.#timer = setInterval(() => this.#measure(), INTERVAL_MS);
  }

  /** Play the audio track of a participant. */
  add(id, track) {
    this.remove(id);
    const audio = el('audio', { 'data-participant': id, autoplay: true });
    audio.srcObject = new MediaStream([track]);
    $('#sounds').append(audio);
    this.#elements.set(id, audio);
    if (this.#sink) audio.setSinkId?.(this.#sink).catch(() => {});
    this.#play(audio);
    this.listen(id, track);
  }

  /** Measure a track without playing it: our own microphone. */
  listen(id, track) {
    this.#meters.get(id)?.close();
    this.#meters.delete(id);
    if (track) this.#meters.set(id, new Meter(track));
  }

  remove(id) {
    this.listen(id, null);
    const audio = this.#elements.get(id);
    if (!audio) return;
    audio.srcObject = null;
    audio.remove();
    this.#elements.delete(id);
  }

  async #play(audio) {
    try {
      await audio.play();
    } catch (error) {
      if (error.name === 'NotAllowedError') this.#setBlocked(true);
    }
  }

  #setBlocked(blocked) {
    this.blocked = blocked;
    this.dispatchEvent(new CustomEvent('blocked', { detail: blocked }));
  }

  /** The person clicked, so the browser lets us play. */
  async unblock() {
    this.#setBlocked(false);
    await Promise.all([...this.#elements.values()].map((audio) => this.#play(audio)));
  }

  async useSpeaker(deviceId) {
    this.#sink = deviceId ?? '';
    for (const audio of this.#elements.values()) await audio.setSinkId?.(this.#sink).catch(() => {});
  }

  #measure() {
    this.levels = new Map([...this.#meters].map(([id, meter]) => [id, meter.rms()]));
    const { speaking, active } = this.#speakers.update(this.levels, performance.now());
    this.dispatchEvent(new CustomEvent('levels', { detail: { levels: this.levels, speaking, active } }));
  }

  close() {
    clearInterval(this.#timer);
    for (const id of [...this.#elements.keys()]) this.remove(id);
    for (const meter of this.#meters.values()) meter.close();
    this.#meters.clear();
  }
}
