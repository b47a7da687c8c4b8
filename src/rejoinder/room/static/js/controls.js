// The bar of buttons below the meeting, its shortcuts, and the panel and dialogs it opens.

import { $, $$, announce, roomLink, roomName } from './dom.js';
import { bindDevices, MeterBar } from './devices.js';
import { showToggle } from './prejoin.js';
import { toast } from './toasts.js';

const typing = (target) => target.closest?.('input, textarea, select, [contenteditable]') !== null;

export class Controls {
  #meeting;
  #local;
  #chat;
  #abort = new AbortController();
  #unread = 0;
  #inviting = false;
  #settings = new AbortController();

  constructor(meeting, local, chat) {
    this.#meeting = meeting;
    this.#local = local;
    this.#chat = chat;
    const { signal } = this.#abort;
    const on = (selector, run) => $(selector).addEventListener('click', run, { signal });
    on('#mic', () => this.toggleMicrophone());
    on('#camera', () => this.toggleCamera());
    on('#open-chat', () => this.togglePanel('chat'));
    on('#open-people', () => this.togglePanel('people'));
    on('#panel-close', () => this.closePanel());
    on('#open-settings', () => this.#openSettings());
    on('#invite', () => this.#invite());
    on('#alone-invite', () => this.#invite());
    on('#leave', () => this.#leave());
    on('#leave-self', () => this.#meeting.leave());
    on('#leave-all', () => this.#meeting.command('end'));
    for (const button of $$('[data-copy-link]')) button.addEventListener('click', () => copyLink(), { signal });
    for (const tab of $$('[data-tab]')) tab.addEventListener('click', () => this.openPanel(tab.dataset.tab), { signal });
    $('#panel-tabs').addEventListener('keydown', (event) => this.#tabKey(event), { signal });
    $('#settings').addEventListener('close', () => this.#settings.abort(), { signal });
    addEventListener('keydown', (event) => this.#key(event), { signal });
    local.addEventListener('change', ({ detail }) => this.#localChanged(detail), { signal });
    $('#link').value = roomLink();
    this.#redraw();
    this.#offerInvite();
  }

  #redraw() {
    const { audible, video } = this.#local;
    showToggle($('#mic'), audible, ['mic', 'mic-off'], audible ? 'Mute' : 'Unmute');
    showToggle($('#camera'), Boolean(video), ['camera', 'camera-off'], video ? 'Turn camera off' : 'Turn camera on');
    $('#mic .label').textContent = audible ? 'Mute' : 'Unmute';
    $('#mic').dataset.tip = `${audible ? 'Mute' : 'Unmute'} (M)`;
    $('#camera').dataset.tip = `${video ? 'Turn camera off' : 'Turn camera on'} (V)`;
  }

  #localChanged(what) {
    this.#redraw();
    if (what !== 'fault') return;
    const fault = this.#local.faults.audio ?? this.#local.faults.video;
    if (fault) toast(`${fault.title}. ${fault.text}`, { kind: 'error', symbol: 'alert' });
  }

  async toggleMicrophone() {
    const local = this.#local;
    if (local.audio) {
      local.setMuted(!local.muted);
    } else {
      local.muted = false;
      await local.openMicrophone();
    }
    announce(local.audible ? 'Microphone on' : 'Microphone off');
  }

  async toggleCamera() {
    const local = this.#local;
    if (local.video) local.closeCamera();
    else await local.openCamera();
    announce(local.video ? 'Camera on' : 'Camera off');
  }

  #key(event) {
    if (event.key === 'Escape' && !$('#panel').hidden && !$('dialog[open]')) {
      this.closePanel();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (typing(event.target) || $('dialog[open]')) return;
    const run = { m: () => this.toggleMicrophone(), v: () => this.toggleCamera(), c: () => this.togglePanel('chat') };
    const action = run[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }

  #tabKey(event) {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    const other = this.panel === 'chat' ? 'people' : 'chat';
    this.openPanel(other, false);
    $(`[data-tab="${other}"]`).focus();
  }

  get panel() {
    return $('#panel').hidden ? null : $('#panel').dataset.open;
  }

  togglePanel(name) {
    if (this.panel === name) this.closePanel();
    else this.openPanel(name);
  }

  openPanel(name, focus = true) {
    $('#panel').hidden = false;
    $('#panel').dataset.open = name;
    $('#meeting').classList.add('with-panel');
    for (const tab of $$('[data-tab]')) {
      const selected = tab.dataset.tab === name;
      tab.setAttribute('aria-selected', String(selected));
      tab.tabIndex = selected ? 0 : -1;
      $(`#${tab.dataset.tab}-panel`).hidden = !selected;
    }
    if (name === 'chat') {
      this.#setUnread(0);
      this.#chat.redraw();
      const list = $('#chat-list');
      list.scrollTop = list.scrollHeight;
    }
    this.#showOpen();
    if (!focus) return;
    if (name === 'chat') this.#chat.focus();
    else $('[data-tab="people"]').focus();
  }

  closePanel() {
    const opener = this.panel === 'people' ? $('#open-people') : $('#open-chat');
    const inside = $('#panel').contains(document.activeElement);
    $('#panel').hidden = true;
    $('#meeting').classList.remove('with-panel');
    this.#showOpen();
    if (inside) opener.focus();
  }

  #showOpen() {
    $('#open-chat').setAttribute('aria-expanded', String(this.panel === 'chat'));
    $('#open-people').setAttribute('aria-expanded', String(this.panel === 'people'));
  }

  /** A chat message came. */
  chatCame(entry) {
    if (this.panel === 'chat') {
      this.#chat.add(entry);
    } else if (entry.from !== this.#meeting.me) {
      this.#setUnread(this.#unread + 1);
    }
    if (entry.from !== this.#meeting.me) announce(`${entry.name}: ${entry.text.slice(0, 200)}`);
  }

  #setUnread(count) {
    this.#unread = count;
    const badge = $('#unread');
    badge.hidden = count === 0;
    badge.textContent = count > 9 ? '9+' : String(count);
    $('#open-chat').setAttribute('aria-label', count ? `Chat, ${count} unread` : 'Chat');
  }

  #openSettings() {
    this.#settings = new AbortController();
    const dialog = $('#settings');
    bindDevices(dialog, this.#local, this.#settings.signal);
    const meter = new MeterBar($('#settings-meter'), this.#local);
    this.#settings.signal.addEventListener('abort', () => meter.close());
    dialog.showModal();
  }

  #leave() {
    const others = [...this.#meeting.participants.values()].some((participant) => participant.kind === 'person');
    if (this.#meeting.isHost && others) $('#leave-dialog').showModal();
    else this.#meeting.leave();
  }

  async #offerInvite() {
    try {
      const info = await (await fetch(`/room/${roomName()}/info`, { cache: 'no-store' })).json();
      $('#invite').hidden = !info.can_invite;
      $('#alone-invite').hidden = !info.can_invite;
    } catch (error) {
      console.warn('no room info', error); // Then nobody is offered a button that may not work.
    }
  }

  async #invite() {
    if (this.#inviting) return;
    this.#setInviting(true);
    try {
      const response = await fetch(`/room/${roomName()}/invite`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: '{}',
      });
      const answer = await response.json();
      if (response.ok) toast('The assistant is on its way.', { symbol: 'spark' });
      else toast(answer.message ?? 'The assistant could not be invited.', { kind: 'error', symbol: 'alert' });
    } catch {
      toast('The server does not answer. Try again in a moment.', { kind: 'error', symbol: 'alert' });
    } finally {
      setTimeout(() => this.#setInviting(false), 1500); // a double click is one invitation
    }
  }

  // Not `disabled`: that would take the focus away from whoever uses the keyboard.
  #setInviting(inviting) {
    this.#inviting = inviting;
    for (const button of [$('#invite'), $('#alone-invite')]) button.setAttribute('aria-disabled', String(inviting));
  }

  close() {
    this.#abort.abort();
    this.#settings.abort();
    this.closePanel();
    for (const dialog of $$('dialog[open]')) dialog.close();
  }
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(roomLink());
    toast('Link copied. Send it to whoever should come.', { symbol: 'check' });
  } catch {
    const field = $('#link'); // No clipboard without https or permission: let the person copy it themselves.
    field.focus();
    field.select();
    toast(`Copy this link: ${roomLink()}`, { symbol: 'link', keep: true });
  }
}
