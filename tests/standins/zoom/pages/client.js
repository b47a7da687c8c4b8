// The stand-in client: form, dialogs, waiting room, meeting. Ids, classes and texts are those documented of Zoom's page.
"use strict";
const root = document.getElementById("root");
document.documentElement.lang = config.lang;
let socket, media, me, host = false, keys = 0, people = [], speaking = null, muted = false, dark = false, noticeTimer;
// People of the tests get a plain page; its difficulties are for the bot.
if (!config.guest) {
  const plain = { cookies: false, media_dialogs: 0, disclaimer: false, covered: false, first_click_lost: false, late_devices: false };
  Object.assign(config, plain, { recording: false });
}
const make = (html) => {
  const holder = document.createElement("template");
  holder.innerHTML = html.trim();
  return holder.content.firstElementChild;
};
const safe = (text) => Object.assign(document.createElement("i"), { textContent: text }).innerHTML;
const modal = (title, buttons, body = "") => {
  const box = make(`<div class="zm-modal" role="dialog" aria-label="${safe(title)}"><div class="zm-modal-body-title">${safe(title)}</div>
    <div>${safe(body)}</div><div class="zm-modal-footer"></div></div>`);
  for (const [label, done] of buttons) {
    const button = make(`<button type="button" class="zm-btn">${safe(label)}</button>`);
    button.onclick = () => {
      box.remove();
      if (done) done();
    };
    box.querySelector(".zm-modal-footer").append(button);
  }
  document.body.append(box);
  return box;
};
const send = (message) => socket && socket.readyState === 1 && socket.send(message instanceof ArrayBuffer ? message : JSON.stringify(message));

// -- before the meeting
function begin() {
  if (config.slow_load) document.body.append(make(`<img src="/slow.png" alt="">`));
  if (config.not_started) {
    (window.top === window ? document : window.top.document).title = "Error - Zoom";
    root.textContent = "This meeting link is invalid (3,001)";
    return;
  }
  if (config.captcha) root.append(make(`<div class="g-recaptcha"><iframe title="recaptcha challenge expires in two minutes" width="320" height="200"></iframe></div>`));
  let dialogs = config.media_dialogs;
  const ask = () => {
    if (dialogs-- > 0) modal(words.hear, [[words.allow, ask], [words.without]]);
  };
  ask();
  if (config.cookies) {
    const banner = make(`<div id="onetrust-banner-sdk" role="region">We use cookies
      <button id="onetrust-reject-all-handler">Decline Cookies</button><button id="onetrust-accept-btn-handler">Accept Cookies</button></div>`);
    banner.onclick = ({ target }) => target.id === "onetrust-reject-all-handler" && banner.remove();
    document.body.append(banner);
  }
  if (config.disclaimer) {
    const box = make(`<div class="zm-modal"><p>Please agree to the terms</p><button id="disclaimer_agree">${words.agree}</button></div>`);
    box.querySelector("button").onclick = () => box.remove();
    document.body.append(box);
  }
  form();
}
function form() {
  const react = config.form === "react";
  const page = react
    ? make(`<div class="preview"><input id="input-for-name" type="text" maxlength="64"><button type="button" class="zm-btn preview-join-button" disabled>${words.join}</button></div>`)
    : make(`<form class="preview"><input id="inputname" placeholder="${words.name}"><button id="joinBtn" type="submit" class="btn submit" disabled>${words.join}</button></form>`);
  if (config.covered) {
    page.classList.add("covered");
    page.append(make(`<div class="preview-meeting-info"></div>`));
  }
  const [field, button] = [page.querySelector("input"), page.querySelector("button")];
  let lost = config.first_click_lost;
  // Only keys make the form valid, as in the real page.
  field.addEventListener("keydown", () => keys++);
  field.addEventListener("input", () => (button.disabled = !keys || !field.value.trim()));
  const go = (event) => {
    event.preventDefault();
    if (button.disabled) return;
    if (lost) {
      lost = false;
      return;
    }
    page.remove();
    join(field.value.trim());
  };
  if (react) {
    button.onclick = go;
    field.addEventListener("keydown", (event) => event.key === "Enter" && go(event));
  } else page.onsubmit = go;
  root.append(page);
}
async function join(name) {
  if (config.wall) {
    root.textContent = "";
    root.append(make(`<div class="meeting-app"><p>We detected you may be a bot. Automated bots aren’t allowed to join this meeting or webinar
      and must use Zoom RTMS.</p><p>Sign in to join</p></div>`));
    return;
  }
  root.append(make(`<div class="meeting-app joining"><span>${words.joining}</span></div>`));
  media = new Media((message) => (typeof message === "string" ? socket.send(message) : send(message)));
  await media.take();
  socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => send({ do: "hello", name, keys, guest: config.guest });
  socket.onmessage = ({ data }) => (typeof data === "string" ? receive(JSON.parse(data)) : media.play(data));
}

// -- what the service says
async function receive(message) {
  switch (message.do) {
    case "lobby":
      root.textContent = "";
      // The waiting room is drawn inside the meeting's own shell, toolbar and all.
      root.append(make(`<div class="meeting-app" id="meeting-app"><span>${safe(words.lobby)}</span><div class="waiting-room-description">You have been removed</div>
        <footer id="wc-footer"><button aria-label="${words.mute}">.</button><button aria-label="${words.leave}">.</button></footer></div>`));
      break;
    case "denied":
      root.textContent = "";
      modal(words.removed, [["OK"]]);
      break;
    case "enter":
      me = message.id;
      room();
      await media.start(me, message.others);
      if (config.late_devices) setDevices(true, true);
      if (config.recording) notice();
      break;
    case "people":
      people = message.rows;
      host = people.some((row) => row.id === me && row.host);
      draw();
      break;
    case "left":
      media.drop(message.id);
      break;
    case "signal":
      await media.signalled(message.from, message.data);
      break;
    case "speaker":
      speaking = message.id;
      draw();
      break;
    case "image": {
      const tile = document.querySelector(`[data-tile="${message.id}"] img`);
      if (tile) tile.src = message.jpeg;
      break;
    }
    case "chat":
      written(message);
      break;
    case "removed":
      // The notice lies over a toolbar that is still there.
      over(words.removed, words.removedBody, false);
      break;
    case "ended":
      over(words.ended, "", true);
      break;
    case "reconnecting":
      document.getElementById("wc-footer").hidden = true;
      document.querySelector(".meeting-app").append(make(`<div class="toast" role="alert" id="reconnecting">${words.reconnecting}</div>`));
      setTimeout(() => {
        document.getElementById("wc-footer").hidden = false;
        document.getElementById("reconnecting").remove();
      }, message.ms);
      break;
    case "toast":
      document.querySelector(".meeting-app").append(make(`<div class="toast" role="alert">${safe(message.text)}</div>`));
      break;
    case "host":
      host = true;
      draw();
      break;
    case "ask_unmute":
      modal(words.ask, [[words.unmuteMe, () => setDevices(false, dark)], [words.stay]]);
      break;
    case "mute":
      setDevices(true, dark);
      break;
    case "recording":
      notice();
      break;
    case "caption": {
      document.querySelectorAll(".live-transcription-subtitle__box").forEach((old) => old.remove());
      document.querySelector(".meeting-app").append(make(`<div class="live-transcription-subtitle__box"><div id="live-transcription-subtitle">
        <span>${safe(message.key)}</span><span class="live-transcription-subtitle__item">${safe(message.text)}</span></div></div>`));
      break;
    }
  }
}
function over(title, body, bare) {
  if (media) media.stop();
  if (bare) document.getElementById("wc-footer").remove();
  modal(title, [["OK"]], body);
}
function notice() {
  modal(words.recorded, [[words.gotIt, () => clearTimeout(noticeTimer)], [words.leaveMeeting]]);
  noticeTimer = setTimeout(() => over("You were disconnected", "", true), config.notice_s * 1000);
}

// -- the meeting
function room() {
  root.textContent = "";
  root.append(make(`<div class="meeting-app" id="meeting-app"><div id="wc-content">
    <div id="wc-container-left"><div class="tiles"></div></div>
    <div id="wc-container-right" hidden></div>
    <footer id="wc-footer"><div class="footer__inner" id="foot-bar"></div></footer></div></div>`));
  const app = document.querySelector(".meeting-app");
  let hide;
  const peek = () => {
    document.getElementById("wc-footer")?.classList.remove("hidden");
    clearTimeout(hide);
    hide = setTimeout(() => document.getElementById("wc-footer")?.classList.add("hidden"), 3000);
  };
  app.addEventListener("mousemove", peek);
  peek();
  draw();
}
function setDevices(off, black) {
  muted = off;
  dark = black;
  media.muted = muted;
  media.dark = dark;
  send({ do: "mute", muted });
  for (const track of media.local.getAudioTracks()) track.enabled = !muted;
  draw();
}
const button = (label, text, done) => {
  const one = make(`<button type="button" class="footer-button-base__button" aria-label="${safe(label)}"><span>${safe(text)}</span></button>`);
  one.onclick = done;
  return one;
};
const panels = { people: false, chat: false };
const log = [];
function draw() {
  const bar = document.getElementById("foot-bar");
  if (!bar) return;
  bar.textContent = "";
  const count = `${people.length}`;
  const list = `${host ? "manage participants" : "participants"} list pane`;
  bar.append(
    button(muted ? words.unmute : words.mute, "Audio", () => setDevices(!muted, dark)),
    button(dark ? words.start : words.stop, "Video", () => setDevices(muted, !dark)),
    button(panels.people ? `close the ${list}` : `open the ${list},[${count}] particpants`, `${count} Participants`, () => toggle("people")),
    button(panels.chat ? "close the chat panel" : "open the chat panel", "Chat", () => toggle("chat")),
    button(host ? "End" : words.leave, host ? "End" : words.leave, leaveOptions),
  );
  bar.children[2].append(make(`<span class="footer-button__number-counter">${count}</span>`));
  const tiles = document.querySelector(".tiles");
  const images = new Map([...tiles.querySelectorAll("[data-tile]")].map((tile) => [tile.dataset.tile, tile.querySelector("img").src]));
  tiles.textContent = "";
  const shown = config.layout === "speaker" ? people.filter((row) => row.id === speaking) : people;
  for (const row of shown) {
    const frame = config.layout === "speaker" ? "speaker-active-container__video-frame" : `gallery-video-container__video-frame${row.id === speaking ? " gallery-video-container__video-frame--active" : ""}`;
    tiles.append(make(`<div class="${frame}" data-tile="${row.id}"><div class="video-avatar__avatar"><img alt="" width="64" height="36" src="${images.get(String(row.id)) || ""}">
      <div class="video-avatar__avatar-footer"><span>${safe(row.name)}</span></div></div></div>`));
  }
  const right = document.getElementById("wc-container-right");
  right.hidden = !panels.people && !panels.chat;
  drawPeople(right);
  drawChat(right);
}
function toggle(panel) {
  panels[panel] = !panels[panel];
  draw();
}
function drawPeople(right) {
  let list = document.getElementById("participants-ul");
  if (list) list.remove();
  if (!panels.people) return;
  list = make(`<div id="participants-ul" role="list"></div>`);
  for (const row of people) {
    const roles = [row.host && "Host", row.id === me && "me"].filter(Boolean).join(", ");
    list.append(make(`<div class="participants-li" role="application" aria-label="${safe(row.name)} ${roles && `(${roles})`},computer audio">
      <span class="participants-item__display-name">${safe(row.name)}</span><span class="participants-item__name-label">${roles && `(${roles})`}</span></div>`));
  }
  right.prepend(list);
}
// The panel is made anew each time it opens, and its field is a bare editable element.
function drawChat(right) {
  const there = document.getElementById("chat");
  if (there && panels.chat) return;
  if (there) there.remove();
  if (!panels.chat) return;
  const panel = make(`<div id="chat"><div class="chat-container"><div class="chat-list-content"></div>
    <div class="chat-rtf-box__editor-outer"><div class="tiptap ProseMirror" contenteditable="true" style="min-height: 20px"><p></p></div></div>
    <button type="button" class="chat-rtf-box__send" aria-label="send" disabled>send</button></div></div>`);
  const field = panel.querySelector("[contenteditable]");
  const go = panel.querySelector("button");
  field.addEventListener("input", () => (go.disabled = !field.innerText.trim()));
  const post = () => {
    if (!field.innerText.trim()) return;
    send({ do: "chat", text: field.innerText.trim() });
    field.textContent = "";
    go.disabled = true;
  };
  go.onclick = post;
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      post();
    }
  });
  right.append(panel);
  log.forEach(line);
}
function written(message) {
  const last = log[log.length - 1];
  log.push({ ...message, number: log.length, first: !last || last.id !== message.id });
  if (panels.chat) line(log[log.length - 1]);
  else document.querySelector(".meeting-app").append(make(`<div class="chat-notification-message toast" role="alert">${safe(message.name)}: ${safe(message.text)}</div>`));
}
function line(message) {
  const name = message.id === me ? "You" : message.name;
  const item = make(`<div class="chat-item-container">${message.first ? `<span class="chat-item__sender">${safe(name)}</span>` : ""}
    <div class="new-chat-message__container" id="chat-message-content-${message.number}" aria-label="${safe(name)} to Everyone, 08:48">
    <div class="new-chat-message__text-box">${safe(message.text)}</div></div></div>`);
  document.querySelector(".chat-list-content").append(item);
}
function leaveOptions() {
  document.querySelectorAll(".leave-meeting-options").forEach((old) => old.remove());
  const box = make(`<div class="leave-meeting-options" style="position: absolute; right: 0; bottom: 52px; z-index: 9"></div>`);
  const add = (kind, text, done) => {
    const one = make(`<button type="button" class="zmu-btn leave-meeting-options__btn leave-meeting-options__btn--${kind}" aria-label="">${text}</button>`);
    one.onclick = done;
    box.append(one);
  };
  const leave = () => {
    send({ do: "leave" });
    media.stop();
    root.textContent = "";
  };
  if (host) {
    add("danger", words.endAll, () => send({ do: "end" }));
    add("default", words.leaveMeeting, leave);
  } else add("default leave-meeting-options__btn--danger", words.leaveMeeting, leave);
  document.querySelector(".meeting-app").append(box);
}
begin();
