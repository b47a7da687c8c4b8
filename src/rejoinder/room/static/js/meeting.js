// What is known of the meeting: who is in it, who waits, who is host. Talks to the room and keeps the mesh in step.

import { Mesh } from './mesh.js';
import { Signalling } from './signalling.js';

const FATAL = new Set(['room_full', 'server_full', 'room_name']);

/**
 * state: 'connecting' | 'waiting' | 'joined' | 'reconnecting' | 'over'.
 * Fires 'change' with detail {what, ...}; `what` is one of state, entered, left, participant, host, lobby, knocks,
 * chat, track, connection, error.
 */
export class Meeting extends EventTarget {
  state = 'connecting';
  reason = null; // why it is over: left, denied, removed, ended, lost, or an error code
  me = null;
  name;
  host = null;
  lobby = false;
  participants = new Map(); // the others: id -> {id, name, kind, audio, video}
  knocks = new Map();
  chat = [];

  constructor({ room, name, local, lobby }) {
    super();
    this.room = room;
    this.name = name;
    this.local = local;
    this.mesh = new Mesh(local, (to, data) => this.signalling.send({ type: 'signal', to, data }));
    this.mesh.addEventListener('track', ({ detail }) => this.#fire('track', detail));
    this.mesh.addEventListener('connection', ({ detail }) => this.#fire('connection', detail));
    this.signalling = new Signalling(room, () => ({ type: 'join', name, kind: 'person', lobby, ...this.#media() }));
    this.signalling.addEventListener('message', ({ detail }) => this.#receive(detail));
    this.signalling.addEventListener('lost', () => this.#setState('reconnecting'));
    this.signalling.addEventListener('given-up', () => this.#finish('lost'));
    local.addEventListener('change', () => this.#tellState());
  }

  join() {
    this.signalling.open();
  }

  leave() {
    this.signalling.send({ type: 'leave' });
    this.#finish('left');
  }

  say(text) {
    return this.signalling.send({ type: 'chat', text });
  }

  command(type, fields = {}) {
    return this.signalling.send({ type, ...fields });
  }

  get isHost() {
    return this.me !== null && this.me === this.host;
  }

  get bots() {
    return [...this.participants.values()].filter((participant) => participant.kind === 'bot');
  }

  nameOf(id) {
    return id === this.me ? this.name : (this.participants.get(id)?.name ?? 'Someone');
  }

  #media() {
    return { audio: this.local.audible, video: Boolean(this.local.video) };
  }

  #told = '';
  #tellState() {
    if (this.state !== 'joined' && this.state !== 'waiting') return;
    const media = this.#media();
    const text = JSON.stringify(media);
    if (text === this.#told) return;
    if (this.signalling.send({ type: 'state', ...media })) this.#told = text;
  }

  #fire(what, detail = {}) {
    this.dispatchEvent(new CustomEvent('change', { detail: { what, ...detail } }));
  }

  #setState(state) {
    if (this.state === state || this.state === 'over') return;
    this.state = state;
    this.#fire('state', { state });
  }

  #finish(reason) {
    if (this.state === 'over') return;
    this.reason = reason;
    this.signalling.stop();
    this.mesh.close();
    this.#setState('over');
  }

  #receive(message) {
    const handler = this.#handlers[message.type];
    if (handler) handler(message);
    else console.warn('unknown message', message.type);
  }

  #handlers = {
    waiting: () => {
      this.#clear();
      this.#setState('waiting');
      this.#tellState();
    },
    joined: (message) => this.#joined(message),
    participant_joined: ({ participant }) => this.#enter(participant, false),
    participant_left: ({ participant }) => this.#left(participant),
    signal: ({ from, data }) => this.participants.has(from) && this.mesh.receive(from, data),
    chat: ({ id, from, name, text, at }) => {
      const entry = { id, from, name, text, at };
      this.chat.push(entry);
      this.#fire('chat', { entry });
    },
    state: ({ participant, audio, video }) => {
      const known = this.participants.get(participant);
      if (!known) return;
      Object.assign(known, { audio, video });
      this.#fire('participant', { id: participant });
    },
    knock: ({ participant }) => {
      this.knocks.set(participant.id, participant);
      this.#fire('knocks', { came: participant });
    },
    knock_withdrawn: ({ participant }) => {
      this.knocks.delete(participant);
      this.#fire('knocks', { gone: participant });
    },
    host: ({ participant }) => {
      this.host = participant;
      this.#fire('host', { id: participant });
    },
    lobby: ({ enabled }) => {
      this.lobby = enabled;
      this.#fire('lobby', { enabled });
    },
    denied: () => this.#finish('denied'),
    removed: () => this.#finish('removed'),
    ended: () => this.#finish('ended'),
    error: (message) => {
      if (this.state !== 'joined' && FATAL.has(message.code)) this.#finish(message.code);
      else this.#fire('error', { message });
    },
  };

  // Forget what belonged to a former connection: we are somebody new to the room now.
  #clear() {
    for (const id of [...this.participants.keys()]) this.#left(id, true);
    for (const id of [...this.knocks.keys()]) this.#handlers.knock_withdrawn({ participant: id });
    this.#told = '';
  }

  #joined({ you, host, lobby, participants, ice_servers: iceServers, chat }) {
    this.#clear();
    this.me = you;
    this.host = host;
    this.lobby = lobby;
    this.chat = [...chat];
    this.mesh.iceServers = iceServers;
    this.#setState('joined');
    this.#tellState();
    for (const participant of participants) this.#enter(participant, true);
    this.#fire('host', { id: host });
    this.#fire('lobby', { enabled: lobby });
    this.#fire('chat', { entry: null });
  }

  #enter(participant, before) {
    this.participants.set(participant.id, { ...participant });
    this.#fire('entered', { id: participant.id, before });
    this.mesh.connect(participant.id, before);
  }

  #left(id, silent = false) {
    const participant = this.participants.get(id);
    if (!participant) return;
    this.mesh.drop(id);
    this.participants.delete(id);
    this.#fire('left', { id, participant, silent });
  }
}
