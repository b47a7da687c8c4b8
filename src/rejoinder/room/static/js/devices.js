// Choosing microphone, camera and loudspeaker; used before and during the meeting.

import { $$, el } from './dom.js';
import { loudness, Meter } from './levels.js';

const NAMES = { audioinput: 'Microphone', videoinput: 'Camera', audiooutput: 'Speaker' };

/** Keep every <select data-device="audioinput"> under `root` in step with the devices there are. */
export async function showDevices(root, local) {
  const devices = await local.devices();
  for (const select of $$('select[data-device]', root)) {
    const kind = select.dataset.device;
    const options = devices
      .filter((device) => device.kind === kind)
      .map(({ deviceId, label }, index) => el('option', { value: deviceId }, label || `${NAMES[kind]} ${index + 1}`));
    const track = { audioinput: local.audio, videoinput: local.video }[kind];
    const used = track?.getSettings().deviceId ?? local.chosen[kind];
    if (!options.length) options.push(el('option', { value: '' }, kind === 'audiooutput' ? 'System default' : 'Not available'));
    select.replaceChildren(...options);
    select.disabled = options.length === 1 && options[0].value === '';
    if (used && options.some((option) => option.value === used)) select.value = used;
    const field = select.closest('.field');
    if (field && kind === 'audiooutput') field.hidden = !('setSinkId' in HTMLMediaElement.prototype);
  }
}

/** Let the selects under `root` change the devices; `signal` ends it. */
export function bindDevices(root, local, signal) {
  for (const select of $$('select[data-device]', root)) {
    select.addEventListener('change', () => local.choose(select.dataset.device, select.value), { signal });
  }
  local.addEventListener('change', ({ detail }) => detail === 'devices' && showDevices(root, local), { signal });
  showDevices(root, local);
}

/** Moves the bars of a .meter with the microphone. `close()` ends it. */
export class MeterBar {
  #bars;
  #meter = null;
  #track = null;
  #timer;

  constructor(node, local) {
    node.replaceChildren(...Array.from({ length: 12 }, () => el('i')));
    this.#bars = [...node.children];
    this.#timer = setInterval(() => {
      if (local.audio !== this.#track) this.#listen(local.audio);
      const lit = this.#meter && !local.muted ? Math.round(loudness(this.#meter.rms()) * this.#bars.length) : 0;
      this.#bars.forEach((bar, index) => bar.classList.toggle('lit', index < lit));
    }, 60);
  }

  #listen(track) {
    this.#meter?.close();
    this.#track = track;
    this.#meter = track ? new Meter(track) : null;
  }

  close() {
    clearInterval(this.#timer);
    this.#listen(null);
  }
}
