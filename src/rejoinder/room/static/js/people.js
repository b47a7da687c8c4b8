// The people panel: who is in, and what a host may do about it.

import { $, el, hue, icon, initials } from './dom.js';
import { toast } from './toasts.js';

const CONFIRM_MS = 4000;

function face({ name, kind }) {
  const node = el('span', { class: 'face', 'aria-hidden': 'true' });
  node.style.setProperty('--hue', hue(name));
  node.append(kind === 'bot' ? icon('spark') : initials(name));
  return node;
}

// A button that asks "Sure?" once before it does what it says.
function confirmed(label, ariaLabel, run) {
  const button = el('button', { type: 'button', class: 'button small quiet danger', 'aria-label': ariaLabel }, label);
  let timer = null;
  button.addEventListener('click', () => {
    if (timer) {
      run();
      return;
    }
    button.textContent = 'Sure?';
    button.setAttribute('aria-label', `${ariaLabel}: press again to confirm`);
    timer = setTimeout(() => {
      timer = null;
      button.textContent = label;
      button.setAttribute('aria-label', ariaLabel);
    }, CONFIRM_MS);
  });
  return button;
}

export class PeoplePanel {
  #meeting;
  #local;
  #knocks = new Map(); // id -> function that takes the toast away
  #abort = new AbortController();

  constructor(meeting, local) {
    this.#meeting = meeting;
    this.#local = local;
    const { signal } = this.#abort;
    $('#lobby-switch').addEventListener('change', (event) => this.#setLobby(event.target.checked), { signal });
    $('#end-all').addEventListener('click', () => $('#leave-dialog').showModal(), { signal });
    this.redraw();
  }

  #setLobby(enabled) {
    if (!this.#meeting.command('lobby', { enabled })) $('#lobby-switch').checked = this.#meeting.lobby;
  }

  #answer(word, id) {
    this.#meeting.command(word, { participant: id });
  }

  redraw() {
    const { participants, me, name } = this.#meeting;
    const own = { id: me, name, kind: 'person', audio: this.#local.audible };
    const everyone = [own, ...participants.values()];
    $('#people-list').replaceChildren(...everyone.map((participant) => this.#row(participant)));
    $('#people-count').textContent = everyone.length;
    $('#people-title-count').textContent = everyone.length;
    $('#host-tools').hidden = !this.#meeting.isHost;
    $('#end-all').hidden = !this.#meeting.isHost;
    $('#lobby-switch').checked = this.#meeting.lobby;
    this.#redrawKnocks();
  }

  #row(participant) {
    const { id, name, kind, audio } = participant;
    const own = id === this.#meeting.me;
    const text = el('span', { class: 'person-name' }, name);
    const notes = [own && 'You', id === this.#meeting.host && 'Host', kind === 'bot' && 'Assistant', !audio && 'Muted'];
    const note = notes.filter(Boolean).join(' · ');
    const row = el('li', { class: 'person', 'data-participant': id }, face(participant));
    row.append(el('span', { class: 'person-text' }, text, el('span', { class: 'person-note' }, note)));
    if (this.#meeting.isHost && !own) {
      row.append(confirmed('Remove', `Remove ${name}`, () => this.#answer('remove', id)));
    }
    return row;
  }

  #redrawKnocks() {
    const waiting = [...this.#meeting.knocks.values()];
    $('#waiting').hidden = waiting.length === 0;
    $('#waiting-list').replaceChildren(
      ...waiting.map((participant) => {
        const { id, name } = participant;
        const admit = el('button', { type: 'button', class: 'button small primary', 'aria-label': `Admit ${name}` }, 'Admit');
        const deny = el('button', { type: 'button', class: 'button small', 'aria-label': `Deny ${name}` }, 'Deny');
        admit.addEventListener('click', () => this.#answer('admit', id));
        deny.addEventListener('click', () => this.#answer('deny', id));
        const text = el('span', { class: 'person-text' }, el('span', { class: 'person-name' }, name));
        return el('li', { class: 'person', 'data-participant': id }, face(participant), text, deny, admit);
      }),
    );
  }

  /** Someone knocked, or no longer does. */
  knocksChanged({ came, gone }) {
    if (came) {
      const dismiss = toast(`${came.name} asks to come in`, {
        symbol: 'knock',
        keep: true,
        actions: [
          { label: 'Deny', run: () => this.#answer('deny', came.id) },
          { label: 'Admit', run: () => this.#answer('admit', came.id), primary: true },
        ],
      });
      this.#knocks.set(came.id, dismiss);
    }
    if (gone) {
      this.#knocks.get(gone)?.();
      this.#knocks.delete(gone);
    }
    this.redraw();
  }

  close() {
    this.#abort.abort();
    for (const dismiss of this.#knocks.values()) dismiss();
  }
}
