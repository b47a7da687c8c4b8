// The microphone and camera of this person.

const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
// Without echo cancellation a bot hears itself through the loudspeakers of whoever wears no headphones.
const CAMERA = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24, max: 30 } };

/** What went wrong with a device, in words: {code, title, text}. `kind`: 'microphone' or 'camera'. */
export function explain(error, kind) {
  const other = kind === 'microphone' ? 'You can still join and listen.' : 'You can join without it.';
  switch (error.name) {
    case 'InsecureContext':
      return {
        code: 'insecure',
        title: `This page may not use a ${kind}`,
        text: `Browsers allow it only on pages opened over https:// or on localhost. Open this meeting over https://. ${other}`,
      };
    case 'NotAllowedError':
    case 'SecurityError':
      return {
        code: 'refused',
        title: `Your ${kind} is blocked`,
        text: `Allow it in your browser (the icon left of the address) and in your system's privacy settings, then try again. ${other}`,
      };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return { code: 'missing', title: `No ${kind} found`, text: `Plug one in and try again. ${other}` };
    case 'NotReadableError':
    case 'AbortError':
      return {
        code: 'busy',
        title: `Your ${kind} is in use`,
        text: `Another app or tab seems to hold it. Close that one and try again. ${other}`,
      };
    default:
      return { code: 'failed', title: `Your ${kind} does not work`, text: `${error.message || error.name} ${other}` };
  }
}

async function open(kind, constraints) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw Object.assign(new Error('no media devices'), { name: 'InsecureContext' });
  }
  try {
    return (await navigator.mediaDevices.getUserMedia(constraints)).getTracks()[0];
  } catch (error) {
    const wanted = constraints[kind].deviceId;
    if (wanted && (error.name === 'OverconstrainedError' || error.name === 'NotFoundError')) {
      // The remembered device is not plugged in today: any other will do.
      return open(kind, { [kind]: { ...constraints[kind], deviceId: undefined } });
    }
    throw error;
  }
}

/**
 * Owns the two local tracks. Fires 'change' whenever a track, its state or a fault is different.
 * The audio track stays on while muted (it then carries silence), so unmuting is immediate.
 */
export class LocalMedia extends EventTarget {
  stream = new MediaStream(); // groups both tracks for the others; its tracks follow `audio` and `video`
  audio = null;
  video = null;
  muted = false;
  faults = { audio: null, video: null };
  chosen = {
    audioinput: localStorage.getItem('rejoinder.microphone') || null,
    videoinput: localStorage.getItem('rejoinder.camera') || null,
    audiooutput: localStorage.getItem('rejoinder.speaker') || null,
  };
  #opening = { audio: 0, video: 0 };

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.#fire('devices'));
  }

  #fire(what) {
    this.dispatchEvent(new CustomEvent('change', { detail: what }));
  }

  /** Whether others can hear this person now. */
  get audible() {
    return Boolean(this.audio) && !this.muted;
  }

  async openMicrophone() {
    const deviceId = this.chosen.audioinput ? { exact: this.chosen.audioinput } : undefined;
    await this.#open('audio', { audio: { ...MICROPHONE, deviceId } });
  }

  async openCamera() {
    const deviceId = this.chosen.videoinput ? { exact: this.chosen.videoinput } : undefined;
    await this.#open('video', { video: { ...CAMERA, deviceId } });
  }

  async #open(kind, constraints) {
    const turn = ++this.#opening[kind];
    try {
      const track = await open(kind, constraints);
      if (turn !== this.#opening[kind]) {
        track.stop(); // Switched off or to another device while this one was opening.
        return;
      }
      this.faults[kind] = null;
      this.#use(kind, track);
    } catch (error) {
      if (turn !== this.#opening[kind]) return;
      this.faults[kind] = explain(error, kind === 'audio' ? 'microphone' : 'camera');
      if (!this[kind]) this.#use(kind, null);
      this.#fire('fault');
    }
  }

  #use(kind, track) {
    const old = this[kind];
    if (old) {
      this.stream.removeTrack(old);
      old.onended = null;
      old.stop();
    }
    this[kind] = track;
    if (track) {
      this.stream.addTrack(track);
      if (kind === 'audio') track.enabled = !this.muted;
      track.onended = () => this.#lost(kind);
    }
    this.#fire(kind);
    this.#fire('devices'); // Labels of devices are known only once one of them may be used.
  }

  #lost(kind) {
    this.#use(kind, null);
    if (kind === 'audio') this.openMicrophone();
  }

  closeCamera() {
    this.#opening.video++;
    this.#use('video', null);
  }

  setMuted(muted) {
    this.muted = muted;
    if (this.audio) this.audio.enabled = !muted;
    this.#fire('audio');
  }

  /** Use another device from now on and remember it. `kind` as in MediaDeviceInfo. */
  async choose(kind, deviceId) {
    this.chosen[kind] = deviceId || null;
    const key = { audioinput: 'microphone', videoinput: 'camera', audiooutput: 'speaker' }[kind];
    localStorage.setItem(`rejoinder.${key}`, deviceId);
    if (kind === 'audioinput') await this.openMicrophone();
    else if (kind === 'videoinput' && this.video) await this.openCamera();
    else if (kind === 'audiooutput') this.#fire('speaker');
  }

  /** [{kind, deviceId, label}], as far as the browser tells. */
  async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
    return all.filter((device) => device.deviceId);
  }

  close() {
    this.#opening.audio++;
    this.#opening.video++;
    for (const kind of ['audio', 'video']) if (this[kind]) this.#use(kind, null);
  }
}
