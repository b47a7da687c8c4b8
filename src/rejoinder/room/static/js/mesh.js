// One peer connection per other participant. The wire and its rules: docs/signalling.md.

const RESTART_AFTER_MS = 3_000; // between two attempts to find a way again

/** Bits per second of our camera to each of `others`: about 1.5 Mbit/s of uplink in total. */
export function videoBitrate(others) {
  return Math.max(120_000, Math.min(700_000, Math.floor(1_500_000 / Math.max(1, others))));
}

class Peer {
  #mesh;
  #id;
  #offers;
  #pc;
  #early = []; // candidates that came before the description they belong to
  #order = Promise.resolve(); // negotiation steps run one after the other
  #restartAt = -Infinity;
  #timer = null;

  constructor(mesh, id, offers) {
    this.#mesh = mesh;
    this.#id = id;
    this.#offers = offers;
    this.#pc = new RTCPeerConnection({ iceServers: mesh.iceServers, bundlePolicy: 'max-bundle' });
    this.#pc.onicecandidate = ({ candidate }) => this.#signal({ candidate: candidate && plain(candidate) });
    this.#pc.ontrack = ({ track }) => mesh.fire('track', { id, track });
    this.#pc.onconnectionstatechange = () => this.#stateChanged();
    if (offers) {
      for (const kind of ['audio', 'video']) {
        this.#pc.addTransceiver(mesh.track(kind) ?? kind, { direction: 'sendrecv', streams: [mesh.stream] });
      }
      this.#then(() => this.#offer());
    }
  }

  get state() {
    return this.#pc.connectionState;
  }

  #then(step) {
    this.#order = this.#order.then(step).catch((error) => {
      if (this.#pc.signalingState !== 'closed') console.error(`peer ${this.#id}:`, error);
    });
    return this.#order;
  }

  #signal(data) {
    this.#mesh.signal(this.#id, data);
  }

  async #offer(options) {
    await this.#pc.setLocalDescription(await this.#pc.createOffer(options));
    this.#sendDescription();
  }

  #sendDescription() {
    const { type, sdp } = this.#pc.localDescription;
    this.#signal({ description: { type, sdp } });
  }

  receive(data) {
    this.#then(async () => {
      if (data.description) await this.#describe(data.description);
      else if (this.#pc.remoteDescription) await this.#candidate(data.candidate);
      else this.#early.push(data.candidate);
    });
  }

  async #describe(description) {
    if (description.type === 'offer' && this.#pc.signalingState !== 'stable') return; // only one side ever offers
    await this.#pc.setRemoteDescription(description);
    if (description.type === 'offer') {
      await this.#sendBack();
      await this.#pc.setLocalDescription(await this.#pc.createAnswer());
      this.#sendDescription();
    }
    for (const candidate of this.#early.splice(0)) await this.#candidate(candidate);
  }

  // What an offer made for us receives only; we send on it, too.
  async #sendBack() {
    for (const transceiver of this.#pc.getTransceivers()) {
      const kind = transceiver.receiver.track.kind;
      transceiver.direction = 'sendrecv';
      transceiver.sender.setStreams?.(this.#mesh.stream);
      await transceiver.sender.replaceTrack(this.#mesh.track(kind));
    }
  }

  async #candidate(candidate) {
    try {
      await this.#pc.addIceCandidate(candidate ?? undefined);
    } catch (error) {
      console.warn(`peer ${this.#id}: candidate not taken`, error); // one way less; others may do
    }
  }

  #stateChanged() {
    const state = this.#pc.connectionState;
    this.#mesh.fire('connection', { id: this.#id, state });
    if (state === 'connected') this.tune();
    if (state === 'failed' && this.#offers) this.#restart();
  }

  #restart() {
    const wait = Math.max(0, this.#restartAt + RESTART_AFTER_MS - performance.now());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#restartAt = performance.now();
      if (this.#pc.connectionState === 'failed') this.#then(() => this.#offer({ iceRestart: true }));
    }, wait);
  }

  replaceTrack(kind, track) {
    this.#then(async () => {
      for (const { sender, receiver } of this.#pc.getTransceivers()) {
        if (receiver.track.kind === kind) await sender.replaceTrack(track);
      }
    });
  }

  tune() {
    this.#then(async () => {
      for (const { sender, receiver } of this.#pc.getTransceivers()) {
        const parameters = sender.getParameters();
        if (receiver.track.kind !== 'video' || !parameters.encodings?.length) continue;
        parameters.encodings[0].maxBitrate = videoBitrate(this.#mesh.size);
        await sender.setParameters(parameters);
      }
    });
  }

  stats() {
    return this.#pc.getStats();
  }

  close() {
    clearTimeout(this.#timer);
    this.#pc.onconnectionstatechange = null;
    this.#pc.onicecandidate = null;
    this.#pc.close();
  }
}

const plain = ({ candidate, sdpMid, sdpMLineIndex }) => ({ candidate, sdpMid, sdpMLineIndex });

/**
 * All peers. `local` is the LocalMedia whose tracks everyone gets; `signal(id, data)` passes a signal on.
 * Fires 'track' (detail: {id, track}) and 'connection' (detail: {id, state}).
 */
export class Mesh extends EventTarget {
  iceServers = [];
  #peers = new Map();
  #local;

  constructor(local, signal) {
    super();
    this.#local = local;
    this.signal = signal;
    local.addEventListener('change', ({ detail }) => {
      if (detail !== 'audio' && detail !== 'video') return;
      for (const peer of this.#peers.values()) peer.replaceTrack(detail, local[detail]);
    });
  }

  get stream() {
    return this.#local.stream;
  }

  get size() {
    return this.#peers.size;
  }

  track(kind) {
    return this.#local[kind];
  }

  fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** `offers`: we are the newcomer and send the offer. */
  connect(id, offers) {
    this.drop(id);
    this.#peers.set(id, new Peer(this, id, offers));
    this.#retune();
  }

  receive(id, data) {
    if (!this.#peers.has(id)) this.connect(id, false);
    this.#peers.get(id).receive(data);
  }

  drop(id) {
    if (!this.#peers.has(id)) return;
    this.#peers.get(id).close();
    this.#peers.delete(id);
    this.#retune();
  }

  #retune() {
    for (const peer of this.#peers.values()) if (peer.state === 'connected') peer.tune();
  }

  state(id) {
    return this.#peers.get(id)?.state ?? 'closed';
  }

  /** The getStats() reports of one peer as plain objects. */
  async stats(id) {
    const peer = this.#peers.get(id);
    return peer ? [...(await peer.stats()).values()] : [];
  }

  close() {
    for (const id of [...this.#peers.keys()]) this.drop(id);
  }
}
