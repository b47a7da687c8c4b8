// The chat panel.

import { $, el, hue } from './dom.js';

const SAME_BREATH_S = 120; // messages of one person within two minutes stand together
const URL_PATTERN = /https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]']/g;

/** Text with its links made clickable: a list of strings and <a> elements. */
export function linked(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(URL_PATTERN)) {
    parts.push(text.slice(end, match.index));
    parts.push(el('a', { href: match[0], target: '_blank', rel: 'noopener noreferrer' }, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export class ChatPanel {
  #meeting;
  #list = $('#chat-list');
  #input = $('#chat-input');
  #form = $('#chat-form');
  #last = null;
  #submit = (event) => {
    event.preventDefault();
    this.#send();
  };
  #keydown = (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send();
  };
  #grow = () => {
    this.#input.style.height = 'auto';
    this.#input.style.height = `${Math.min(140, this.#input.scrollHeight + 2)}px`;
    $('#chat-send').disabled = !this.#input.value.trim();
  };

  constructor(meeting) {
    this.#meeting = meeting;
    this.#form.addEventListener('submit', this.#submit);
    this.#input.addEventListener('keydown', this.#keydown);
    this.#input.addEventListener('input', this.#grow);
    this.redraw();
  }

  #send() {
    const text = this.#input.value.trim();
    if (!text || !this.#meeting.say(text)) return;
    this.#input.value = '';
    this.#grow();
  }

  focus() {
    this.#input.focus();
  }

  redraw() {
    this.#list.replaceChildren();
    this.#last = null;
    for (const entry of this.#meeting.chat) this.add(entry);
    $('#chat-empty').hidden = this.#meeting.chat.length > 0;
    this.#grow();
  }

  add(entry) {
    $('#chat-empty').hidden = true;
    const own = entry.from === this.#meeting.me;
    const atEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 60;
    const item = el('li', { class: own ? 'message own' : 'message', 'data-id': entry.id });
    const follows = this.#last && this.#last.from === entry.from && entry.at - this.#last.at < SAME_BREATH_S;
    if (!follows) {
      const name = el('span', { class: 'message-name' }, own ? 'You' : entry.name);
      name.style.setProperty('--hue', hue(entry.name));
      const at = new Date(entry.at * 1000);
      item.append(el('div', { class: 'message-head' }, name, el('time', { datetime: at.toISOString() }, time.format(at))));
    }
    item.append(el('div', { class: 'message-text' }, ...linked(entry.text)));
    this.#list.append(item);
    this.#last = entry;
    if (atEnd || own) this.#list.scrollTop = this.#list.scrollHeight;
  }

  close() {
    this.#form.removeEventListener('submit', this.#submit);
    this.#input.removeEventListener('keydown', this.#keydown);
    this.#input.removeEventListener('input', this.#grow);
  }
}
