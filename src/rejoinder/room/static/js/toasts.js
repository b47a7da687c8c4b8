// Short messages in a corner: things that happened, and questions that can wait a moment.

import { $, announce, el, icon } from './dom.js';

/**
 * Show a message and tell it to screen readers. It goes by itself unless it has actions or `keep`.
 * Returns a function that takes it away.
 */
export function toast(text, { kind = 'info', symbol = null, actions = [], keep = false } = {}) {
  const node = el('div', { class: `toast ${kind} ${symbol ?? ''}`, role: kind === 'error' ? 'alert' : null });
  if (kind !== 'error') announce(text);
  if (symbol) node.append(icon(symbol));
  node.append(el('p', {}, text));
  let timer = null;
  const dismiss = () => {
    clearTimeout(timer);
    node.remove();
  };
  if (actions.length) {
    const row = el('div', { class: 'toast-actions' });
    for (const { label, run, primary } of actions) {
      const onclick = () => {
        dismiss();
        run();
      };
      row.append(el('button', { type: 'button', class: primary ? 'button small primary' : 'button small', onclick }, label));
    }
    node.append(row);
  } else {
    const close = el('button', { type: 'button', class: 'icon-button tiny', 'aria-label': 'Dismiss', onclick: dismiss });
    close.append(icon('close'));
    node.append(close);
  }
  $('#toasts').append(node);
  if (!keep && !actions.length) timer = setTimeout(dismiss, kind === 'error' ? 9000 : 4500);
  return dismiss;
}
