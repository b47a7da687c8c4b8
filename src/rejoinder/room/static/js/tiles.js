// The grid: one tile per participant, as large as the window allows.

import { $, el, hue, icon, initials } from './dom.js';
import { loudness } from './levels.js';

const GAP = 12;
const WIDEST = 16 / 9;
const NARROWEST = 0.8;

/** Columns, width and height of `count` tiles that cover as much as they can of width x height. */
export function layout(count, width, height, gap = GAP) {
  let best = { columns: 1, width: 0, height: 0, area: -1 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const w = Math.min(cellWidth, cellHeight * WIDEST);
    const h = Math.min(cellHeight, w / NARROWEST);
    if (w * h > best.area) best = { columns, width: Math.floor(w), height: Math.floor(h), area: w * h };
  }
  return best;
}

class Tile {
  #video;
  #name;
  #status;

  constructor({ id, name, kind, own }) {
    this.id = id;
    this.#video = el('video', { autoplay: true, playsinline: true, hidden: true, tabindex: '-1' });
    this.#video.muted = true; // Sound is played on its own; a video that may not play aloud would not start.
    const avatar = el('div', { class: 'avatar', 'aria-hidden': 'true' });
    avatar.style.setProperty('--hue', hue(name));
    if (kind === 'bot') avatar.append(icon('spark'));
    else avatar.append(initials(name));
    this.#name = el('span', { class: 'tile-name' }, own ? `${name} (you)` : name);
    const muted = el('span', { class: 'tile-muted', role: 'img', 'aria-label': 'muted' });
    muted.append(icon('mic-off'));
    this.#status = el('p', { class: 'tile-status' }, own ? '' : 'Connecting…');
    const label = el('div', { class: 'tile-label' }, muted, this.#name);
    if (kind === 'bot') label.append(el('span', { class: 'tag' }, 'Assistant'));
    label.append(el('span', { class: 'tag host-tag' }, 'Host'));
    this.node = el(
      'li',
      { class: `tile${kind === 'bot' ? ' bot' : ''}${own ? ' own' : ''}`, 'data-participant': id },
      el('div', { class: 'tile-face' }, avatar),
      this.#video,
      this.#status,
      label,
    );
  }

  setVideo(track, shown) {
    const show = Boolean(track) && shown;
    if (track && this.#video.srcObject?.getVideoTracks()[0] !== track) {
      this.#video.srcObject = new MediaStream([track]);
    }
    if (!track) this.#video.srcObject = null;
    this.#video.hidden = !show;
    this.node.classList.toggle('with-video', show);
    if (show) this.#video.play().catch(() => {});
  }

  setMuted(muted) {
    this.node.classList.toggle('muted', muted);
  }

  setHost(isHost) {
    this.node.classList.toggle('host', isHost);
  }

  setStatus(text) {
    this.#status.textContent = text;
  }

  setLevel(rms, speaking) {
    this.node.classList.toggle('speaking', speaking);
    this.node.style.setProperty('--level', speaking ? loudness(rms).toFixed(2) : '0');
  }
}

/** The tiles of a meeting. The own tile comes last, so that the others are where one looks first. */
export class Grid {
  #tiles = new Map();
  #box = $('#grid');
  #stage = $('#stage');
  #observer;

  constructor() {
    this.#observer = new ResizeObserver(() => this.arrange());
    this.#observer.observe(this.#stage);
  }

  get(id) {
    return this.#tiles.get(id);
  }

  add(participant) {
    this.remove(participant.id);
    const tile = new Tile(participant);
    this.#tiles.set(participant.id, tile);
    this.#box.insertBefore(tile.node, participant.own ? null : this.#box.querySelector('.own'));
    this.arrange();
    return tile;
  }

  remove(id) {
    this.#tiles.get(id)?.node.remove();
    this.#tiles.delete(id);
    this.arrange();
  }

  showLevels({ levels, speaking }) {
    for (const [id, tile] of this.#tiles) tile.setLevel(levels.get(id) ?? 0, speaking.has(id));
  }

  showHost(host) {
    for (const [id, tile] of this.#tiles) tile.setHost(id === host);
  }

  arrange() {
    const alone = this.#tiles.size < 2;
    $('#alone').hidden = !alone || this.#tiles.size === 0;
    this.#stage.classList.toggle('is-alone', alone);
    const style = getComputedStyle(this.#box);
    const { width, height } = layout(
      Math.max(1, this.#tiles.size),
      this.#box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight),
      this.#box.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom),
    );
    this.#box.style.setProperty('--tile-width', `${width}px`);
    this.#box.style.setProperty('--tile-height', `${height}px`);
    this.#box.classList.toggle('small-tiles', width < 260);
  }

  clear() {
    for (const id of [...this.#tiles.keys()]) this.remove(id);
    this.#observer.disconnect();
  }
}
