// The screen before the meeting: name, microphone, camera.

import { $, fillIcons, hue, icon, initials, roomName, setIcon } from './dom.js';
import { bindDevices, MeterBar } from './devices.js';

const NAME_KEY = 'rejoinder.name';
const INFO_EVERY_MS = 5000;

function presence({ people, lobby }) {
  if (people === 0) return 'Nobody is here yet.';
  const who = people === 1 ? 'One participant is here.' : `${people} participants are here.`;
  return lobby ? `${who} The host will let you in.` : who;
}

/** Shows the screen until the person joins; resolves to {name, lobby}. */
export class Prejoin {
  #local;
  #abort = new AbortController();
  #meter;
  #timer;

  constructor(local) {
    this.#local = local;
  }

  async run() {
    const root = $('#prejoin');
    const { signal } = this.#abort;
    fillIcons(root);
    $('#prejoin-room').textContent = roomName();
    const name = $('#name');
    name.value = localStorage.getItem(NAME_KEY) ?? '';
    const redraw = () => this.#redraw();
    this.#local.addEventListener('change', redraw, { signal });
    name.addEventListener('input', redraw, { signal });
    $('#pre-mic').addEventListener('click', () => this.#toggleMicrophone(), { signal });
    $('#pre-camera').addEventListener('click', () => this.toggleCamera(), { signal });
    $('#fault-retry').addEventListener('click', () => this.#retry(), { signal });
    bindDevices(root, this.#local, signal);
    this.#meter = new MeterBar($('#pre-meter'), this.#local);
    this.#timer = setInterval(() => this.#showInfo(), INFO_EVERY_MS);
    this.#showInfo();
    this.#redraw();
    if (!this.#local.audio) this.#local.openMicrophone();
    if (!name.value) name.focus();
    else $('#join').focus();
    return new Promise((resolve) => {
      $('#join-form').addEventListener('submit', (event) => this.#submit(event, resolve), { signal });
    });
  }

  #submit(event, resolve) {
    event.preventDefault();
    const name = $('#name').value.trim().replace(/\s+/g, ' ');
    $('#name-hint').hidden = Boolean(name);
    if (!name) {
      $('#name').focus();
      return;
    }
    localStorage.setItem(NAME_KEY, name);
    this.close();
    resolve({ name, lobby: !$('#lobby-field').hidden && $('#start-lobby').checked });
  }

  async #showInfo() {
    try {
      const response = await fetch(`/room/${roomName()}/info`, { cache: 'no-store' });
      const info = await response.json();
      if (this.#abort.signal.aborted) return;
      $('#presence').textContent = presence(info);
      $('#lobby-field').hidden = info.people > 0;
    } catch {
      if (!this.#abort.signal.aborted) $('#presence').textContent = 'The server does not answer at the moment.';
    }
  }

  async #toggleMicrophone() {
    if (!this.#local.audio) await this.#local.openMicrophone();
    else this.#local.setMuted(!this.#local.muted);
  }

  async toggleCamera() {
    if (this.#local.video) this.#local.closeCamera();
    else await this.#local.openCamera();
  }

  async #retry() {
    if (this.#local.faults.audio) await this.#local.openMicrophone();
    else await this.#local.openCamera();
  }

  #redraw() {
    const { audio, video, audible, faults } = this.#local;
    const name = $('#name').value.trim();
    const avatar = $('#pre-avatar');
    avatar.replaceChildren(name ? initials(name) : icon('smile'));
    avatar.classList.toggle('nobody', !name);
    avatar.style.setProperty('--hue', hue(name));
    const preview = $('#pre-video');
    preview.hidden = !video;
    if (video && preview.srcObject?.getVideoTracks()[0] !== video) preview.srcObject = new MediaStream([video]);
    if (!video) preview.srcObject = null;
    showToggle($('#pre-mic'), audible, ['mic', 'mic-off'], audible ? 'Mute microphone' : 'Unmute microphone');
    showToggle($('#pre-camera'), Boolean(video), ['camera', 'camera-off'], video ? 'Turn camera off' : 'Turn camera on');
    const caption = audio ? (audible ? 'Say something: the bars move when you are heard.' : 'You will join muted.') : '';
    $('#pre-caption').textContent = caption;
    const fault = faults.audio ?? faults.video;
    $('#fault').hidden = !fault;
    $('#fault').dataset.code = fault?.code ?? '';
    if (fault) {
      $('#fault-title').textContent = fault.title;
      $('#fault-text').textContent = fault.text;
      $('#fault-retry').hidden = fault.code === 'insecure';
    }
    $('#join').textContent = faults.audio && !audio ? 'Join and listen' : 'Join meeting';
  }

  close() {
    this.#abort.abort();
    clearInterval(this.#timer);
    this.#meter.close();
  }
}

/** Draw a button that switches something on and off. */
export function showToggle(button, on, [onIcon, offIcon], label) {
  setIcon(button, on ? onIcon : offIcon);
  button.classList.toggle('off', !on);
  button.setAttribute('aria-label', label);
  button.setAttribute('aria-pressed', String(on));
}
