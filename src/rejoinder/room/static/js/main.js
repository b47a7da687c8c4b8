// The meeting page: from the first look in the mirror to goodbye.

import { $, $$, announce, fillIcons, roomName, setIcon } from './dom.js';
import { ChatPanel } from './chat.js';
import { Controls } from './controls.js';
import { LocalMedia } from './media.js';
import { Meeting } from './meeting.js';
import { PeoplePanel } from './people.js';
import { Prejoin } from './prejoin.js';
import { Sound } from './sound.js';
import { Grid } from './tiles.js';
import { toast } from './toasts.js';

const ENDINGS = {
  left: ['leave', 'You left the meeting', 'Was that too early? You can come back.', 'Rejoin'],
  denied: ['lock', 'The host did not let you in', 'Ask them whether they expected you, then try again.', 'Ask again'],
  removed: ['leave', 'You were removed from the meeting', 'The host ended your stay.', 'Rejoin'],
  ended: ['check', 'The meeting has ended', 'The host ended it for everyone.', 'Start it again'],
  lost: ['alert', 'The connection is lost', 'The server could not be reached for two minutes.', 'Try again'],
  room_full: ['people', 'This meeting is full', 'Someone has to leave before you can come in.', 'Try again'],
  server_full: ['alert', 'This server is busy', 'It has no space for another meeting just now.', 'Try again'],
};

const local = new LocalMedia();
let session = null;

function show(screen) {
  for (const node of $$('.screen')) node.hidden = node.id !== screen;
  document.body.dataset.screen = screen;
}

function notice(symbol, title, text, action, busy = false) {
  show('notice');
  setIcon($('#notice-icon'), symbol);
  $('#notice').classList.toggle('busy', busy);
  $('#notice-title').textContent = title;
  $('#notice-text').textContent = text;
  $('#notice-action').textContent = action;
  $('#notice-action').classList.toggle('primary', !busy);
  $('#notice-home').hidden = busy;
  announce(`${title}. ${text}`);
}

/** One stay in the room: binds what the meeting says to what the page shows. */
class Session {
  #tracks = new Map(); // id -> video track
  #abort = new AbortController();

  constructor(meeting) {
    this.meeting = meeting;
    meeting.addEventListener('change', ({ detail }) => this.#on[detail.what]?.(detail));
    meeting.join();
  }

  #open() {
    show('meeting');
    if (this.grid) return;
    const { meeting } = this;
    const { signal } = this.#abort;
    this.grid = new Grid();
    this.sound = new Sound();
    this.chat = new ChatPanel(meeting);
    this.people = new PeoplePanel(meeting, local);
    this.controls = new Controls(meeting, local, this.chat);
    $('#room-name').textContent = meeting.room;
    this.sound.addEventListener('levels', ({ detail }) => this.grid.showLevels(detail));
    this.sound.addEventListener('blocked', ({ detail }) => ($('#unblock').hidden = !detail));
    $('#unblock').addEventListener('click', () => this.sound.unblock(), { signal });
    local.addEventListener('change', ({ detail }) => this.#localChanged(detail), { signal });
    if (local.chosen.audiooutput) this.sound.useSpeaker(local.chosen.audiooutput);
    if (!local.audio) toast('You have joined without a microphone: you can listen and chat.', { symbol: 'mic-off' });
  }

  #localChanged(what) {
    if (what === 'speaker') this.sound.useSpeaker(local.chosen.audiooutput);
    if (what === 'audio') this.sound.listen('me', local.audible ? local.audio : null);
    if (what === 'audio' || what === 'video') this.#showOwn();
    this.people.redraw();
  }

  #showOwn() {
    const tile = this.grid.get('me');
    tile?.setMuted(!local.audible);
    tile?.setVideo(local.video, Boolean(local.video));
  }

  #showOther(id) {
    const participant = this.meeting.participants.get(id);
    const tile = this.grid.get(id);
    if (!participant || !tile) return;
    tile.setMuted(!participant.audio);
    tile.setVideo(this.#tracks.get(id) ?? null, participant.video);
  }

  #on = {
    state: ({ state }) => {
      $('#banner').hidden = state !== 'reconnecting' || !this.grid;
      if (state === 'joined') this.#comeIn();
      else if (state === 'waiting') {
        notice('knock', 'The host will let you in soon', `You asked to join “${this.meeting.room}”.`, 'Leave', true);
      } else if (state === 'reconnecting') {
        announce('Connection lost. Reconnecting.');
        if (!this.grid) notice('alert', 'Connecting…', 'The server does not answer yet.', 'Cancel', true);
      } else if (state === 'over') this.#over();
    },
    entered: ({ id, before }) => {
      const participant = this.meeting.participants.get(id);
      this.grid.add(participant);
      this.#showOther(id);
      this.people.redraw();
      if (before) return;
      toast(`${participant.name} joined`);
    },
    left: ({ id, participant, silent }) => {
      this.grid?.remove(id);
      this.sound?.remove(id);
      this.#tracks.delete(id);
      this.people?.redraw();
      if (silent) return;
      toast(`${participant.name} left`);
    },
    participant: ({ id }) => {
      this.#showOther(id);
      this.people.redraw();
    },
    track: ({ id, track }) => {
      if (track.kind === 'audio') this.sound.add(id, track);
      else this.#tracks.set(id, track);
      this.#showOther(id);
    },
    connection: ({ id, state }) => {
      const text = { connected: '', failed: 'Reconnecting…', disconnected: 'Unstable connection' }[state];
      this.grid?.get(id)?.setStatus(text ?? 'Connecting…');
    },
    host: ({ id }) => {
      this.grid.showHost(id === this.meeting.me ? 'me' : id);
      if (this.meeting.isHost && this.meeting.participants.size && this.wasHost === false) toast('You are the host now.');
      this.wasHost = this.meeting.isHost;
      this.people.redraw();
    },
    lobby: ({ enabled }) => {
      $('#lobby-sign').hidden = !enabled;
      this.people.redraw();
    },
    knocks: (detail) => this.people?.knocksChanged(detail),
    chat: ({ entry }) => {
      if (entry) this.controls.chatCame(entry);
      else this.chat.redraw();
    },
    error: ({ message }) => {
      if (message.code !== 'unknown_participant') toast(message.message, { kind: 'error', symbol: 'alert' });
    },
  };

  #comeIn() {
    this.#open();
    this.grid.add({ id: 'me', name: this.meeting.name, kind: 'person', own: true });
    this.sound.listen('me', local.audible ? local.audio : null);
    this.wasHost = undefined;
    this.#showOwn();
    this.people.redraw();
    announce(`You are in the meeting ${this.meeting.room}`);
    if (document.activeElement === document.body) $('#mic').focus({ focusVisible: false });
  }

  #over() {
    this.#abort.abort();
    for (const part of [this.controls, this.people, this.chat, this.sound]) part?.close();
    this.grid?.clear();
    local.close();
    $('#banner').hidden = true;
    const [symbol, title, text, action] = ENDINGS[this.meeting.reason] ?? ENDINGS.lost;
    notice(symbol, title, text, action);
    $('#notice-action').focus();
  }
}

async function start() {
  show('prejoin');
  const choice = await new Prejoin(local).run();
  session = new Session(new Meeting({ room: roomName(), local, ...choice }));
}

$('#notice-action').addEventListener('click', () => {
  if (session?.meeting.state === 'over') start();
  else session?.meeting.leave();
});
addEventListener('pagehide', () => session?.meeting.leave());
fillIcons();
document.title = `${roomName()} · rejoinder`;

// What tests and support may look at; nothing here changes anything.
window.rejoinder = Object.freeze({
  get state() {
    return session?.meeting.state ?? 'prejoin';
  },
  get me() {
    return session?.meeting.me ?? null;
  },
  get host() {
    return session?.meeting.host ?? null;
  },
  get participants() {
    const { meeting } = session ?? {};
    return [...(meeting?.participants.values() ?? [])].map((participant) => ({
      ...participant,
      connection: meeting.mesh.state(participant.id),
    }));
  },
  /** RMS of each participant now; 'me' is the own microphone. */
  get levels() {
    return Object.fromEntries(session?.sound?.levels ?? []);
  },
  stats: (id) => session?.meeting.mesh.stats(id) ?? Promise.resolve([]),
});

start();
