// The first page: name a meeting and go there.

import { $, fillIcons } from './dom.js';

const FIRST = ['amber', 'brisk', 'calm', 'clear', 'early', 'gentle', 'green', 'lucid', 'mellow', 'quiet', 'silver', 'sunny'];
const SECOND = ['arbor', 'brook', 'cove', 'field', 'harbor', 'island', 'meadow', 'orchard', 'river', 'summit', 'valley', 'wood'];

function pick(list) {
  return list[crypto.getRandomValues(new Uint32Array(1))[0] % list.length];
}

/** A name nobody guesses: whoever knows a meeting's name may come in. */
function suggestion() {
  const letters = 'bcdfghjkmnpqrstvwxz23456789'; // no vowels, so no words; nothing that looks like something else
  const tail = Array.from({ length: 5 }, () => pick(letters)).join('');
  return `${pick(FIRST)}-${pick(SECOND)}-${tail}`;
}

/** The room meant by what was typed: a link to it, or its name in any spelling. */
export function roomFrom(text) {
  const link = text.match(/\/room\/([^/?#\s]+)/);
  const name = link ? decodeURIComponent(link[1]) : text;
  return name.trim().toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64);
}

fillIcons();
const field = $('#room');
const fresh = suggestion();
field.placeholder = fresh;

$('#room-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const typed = field.value.trim();
  const room = typed ? roomFrom(typed) : fresh;
  $('#room-hint').hidden = Boolean(room);
  if (room) location.assign(`/room/${room}`);
  else field.focus();
});

field.addEventListener('input', () => {
  $('#room-hint').hidden = true;
  $('#go').textContent = field.value.trim() ? 'Join meeting' : 'Start a meeting';
});
