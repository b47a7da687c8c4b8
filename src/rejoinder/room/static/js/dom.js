// Small helpers for building the page, and its icons. All shapes are drawn on a 24 x 24 grid with a stroke.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

const SHAPES = {
  mic: ['M9 7a3 3 0 0 1 6 0v4.5a3 3 0 0 1-6 0z', 'M5.5 11.5a6.5 6.5 0 0 0 13 0', 'M12 18v3'],
  'mic-off': ['M9 7a3 3 0 0 1 6 0v4.5a3 3 0 0 1-6 0z', 'M5.5 11.5a6.5 6.5 0 0 0 13 0', 'M12 18v3', 'M4 3.5l16 17'],
  camera: ['M5.5 6.5h8a2.5 2.5 0 0 1 2.5 2.5v6a2.5 2.5 0 0 1-2.5 2.5h-8A2.5 2.5 0 0 1 3 15V9a2.5 2.5 0 0 1 2.5-2.5z',
    'M16 11l5-3v8l-5-3'],
  'camera-off': ['M5.5 6.5h8a2.5 2.5 0 0 1 2.5 2.5v6a2.5 2.5 0 0 1-2.5 2.5h-8A2.5 2.5 0 0 1 3 15V9a2.5 2.5 0 0 1 2.5-2.5z',
    'M16 11l5-3v8l-5-3', 'M4 3.5l16 17'],
  chat: ['M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-8l-4.5 3.5V17H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2z'],
  people: ['M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z', 'M2.5 20a6.5 6.5 0 0 1 13 0',
    'M16.5 11.5a3 3 0 0 0 0-6', 'M18 14.5a5.5 5.5 0 0 1 3.5 5.5'],
  settings: ['M4 7.5h8', 'M17 7.5h3', 'M4 16.5h3', 'M12 16.5h8', 'M14.5 10a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z',
    'M9.5 19a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z'],
  leave: ['M10 4H6a1.5 1.5 0 0 0-1.5 1.5v13A1.5 1.5 0 0 0 6 20h4', 'M15.5 8l4 4-4 4', 'M19 12h-9'],
  spark: ['M11 4.5c.8 4.3 3 6.6 7.5 7.5-4.5.9-6.7 3.2-7.5 7.5-.8-4.3-3-6.6-7.5-7.5 4.5-.9 6.7-3.2 7.5-7.5z',
    'M19 3v4', 'M17 5h4'],
  link: ['M6 8.5h3.5a3.5 3.5 0 0 1 0 7H6a3.5 3.5 0 0 1 0-7z', 'M14.5 8.5H18a3.5 3.5 0 0 1 0 7h-3.5'],
  check: ['M5 12.5l4.5 4.5L19 7.5'],
  close: ['M6.5 6.5l11 11', 'M17.5 6.5l-11 11'],
  send: ['M4 11.8L20 4l-6 16-3.2-6.6z', 'M10.8 13.4L20 4'],
  speaker: ['M4 9.5v5h3.5L12 18.5v-13L7.5 9.5z', 'M15.5 9a4.2 4.2 0 0 1 0 6', 'M18 6.5a7.8 7.8 0 0 1 0 11'],
  lock: ['M6.5 11h11A1.5 1.5 0 0 1 19 12.5v6a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11z',
    'M8 11V8a4 4 0 0 1 8 0v3'],
  alert: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z', 'M12 7.5v5.5', 'M12 16.3v.2'],
  knock: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z', 'M12 7v5.3l3.5 2'],
  smile: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z', 'M8.5 14a4.2 4.2 0 0 0 7 0', 'M9 9.5v.6', 'M15 9.5v.6'],
};

/** An icon that says nothing to a screen reader: the button around it has the words. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  for (const shape of SHAPES[name]) {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', shape);
    svg.append(path);
  }
  return svg;
}

/** Put the icons into markup that asks for them with data-icon. */
export function fillIcons(root = document) {
  for (const holder of $$('[data-icon]', root)) setIcon(holder, holder.dataset.icon);
}

export function setIcon(holder, name) {
  if (holder.dataset.drawn === name) return;
  holder.dataset.drawn = name;
  holder.querySelector('svg.icon')?.remove();
  holder.prepend(icon(name));
}

/** el('button', {class: 'x', onclick: f, 'aria-label': 'y'}, 'text', child) */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'class') node.className = value;
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** One or two letters that stand for a name. */
export function initials(name) {
  const words = name.trim().split(/\s+/).map((word) => [...word]).filter((word) => word.length);
  if (!words.length) return '?';
  const last = words.length > 1 ? words.at(-1)[0] : '';
  return (words[0][0] + last).toUpperCase();
}

/** A hue that stays the same for a name, so that people keep their colour when they come back. */
export function hue(name) {
  let sum = 7;
  for (const char of name) sum = (sum * 31 + char.codePointAt(0)) % 3600;
  return sum / 10;
}

let announcer;
/** Tell screen readers; sighted people see it elsewhere. */
export function announce(text) {
  announcer ??= $('#announcer');
  announcer.append(el('p', {}, text));
  while (announcer.childElementCount > 4) announcer.firstElementChild.remove();
}

/** The room of this page, from its address. */
export function roomName() {
  return location.pathname.split('/')[2] ?? '';
}

export function roomLink() {
  return `${location.origin}/room/${roomName()}`;
}
