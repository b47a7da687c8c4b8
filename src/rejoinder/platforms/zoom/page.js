// What Zoom's web client shows and receives, as facts. Runs in the top frame; Zoom may keep its client in a frame of the
// same site, so each same-origin window is watched. Reads only: nothing here changes what the page does or sends.
const rejoinder = window.__rejoinder;
const MAX_FRAME = 200000;
const SCAN_MS = 250;
const reported = { people: "", peopleAt: 0, speaker: "", speakerAt: 0, caption: "" };
const chatSeen = new Set();

// -- Zoom's signalling: JSON frames {evt, body}. 7937: people added, changed, removed (dn2: name in base64). 4098: our own
// id, once the service took us in. 12033: who speaks. 7942: into the waiting room or out of it. 7939: it is over. Frames
// that are not as expected are left alone; the page's DOM is the fallback.
const readName = (row) => {
  if (typeof row.dn2 !== "string") return typeof row.dn === "string" ? row.dn : undefined;
  try {
    // The alphabet of URLs, without padding.
    const plain = atob(row.dn2.replace(/-/g, "+").replace(/_/g, "/").replace(/=+$/, ""));
    return new TextDecoder().decode(Uint8Array.from(plain, (letter) => letter.charCodeAt(0)));
  } catch (error) {
    return undefined;
  }
};
let mine = null;
const roster = (body) => {
  const rows = [];
  for (const row of [...(body.add || []), ...(body.update || [])]) {
    if (!row || !Number.isInteger(row.id)) continue;
    const one = { id: String(row.id) };
    const name = readName(row);
    if (name !== undefined) one.name = name.slice(0, 200);
    if (typeof row.bHost === "boolean") one.host = row.bHost;
    if (typeof row.bBotUser === "boolean") one.bot = row.bBotUser;
    if (mine !== null) one.me = one.id === mine;
    rows.push(one);
  }
  for (const row of body.remove || []) {
    const id = row && typeof row === "object" ? row.id : row;
    if (Number.isInteger(id)) rows.push({ id: String(id), gone: true });
  }
  for (let at = 0; at < rows.length; at += 100) rejoinder.report("zoom_roster", { rows: rows.slice(at, at + 100) });
};
const signalled = (text) => {
  if (typeof text !== "string" || text.length > MAX_FRAME || !text.startsWith("{")) return;
  if (!/"evt"\s*:\s*(7937|4098|12033|7942|7939)\b/.test(text.slice(0, 200))) return;
  const { evt, body } = JSON.parse(text);
  if (!body || typeof body !== "object") return;
  if (evt === 7937) roster(body);
  else if (evt === 4098 && Number.isInteger(body.userID)) {
    mine = String(body.userID);
    rejoinder.report("zoom_state", { state: "joined" });
    rejoinder.report("zoom_roster", { rows: [{ id: mine, me: true, name: readName(body) }] });
  } else if (evt === 7942 && typeof body.bHold === "boolean") {
    rejoinder.report("zoom_state", { state: body.bHold ? "held" : "let_in" });
  } else if (evt === 7939) {
    rejoinder.report("zoom_state", { state: "ended", reason: Number.isInteger(body.reason) ? body.reason : null });
  } else if (evt === 12033) {
    const id = [body.asn1, body.id, body.userId].find(Number.isInteger);
    rejoinder.report("zoom_speaker", { by: "signal", id: id ? String(id) : null });
  }
};
const watchSockets = (win) => {
  const Original = win.WebSocket;
  win.WebSocket = class WebSocket extends Original {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", (event) => {
        try {
          signalled(event.data);
        } catch (error) {
          // Not what we took it for.
        }
      });
    }
  };
};

// -- A frame's WebAudio output. The core hears what the top window plays; a frame has an AudioNode of its own. An element
// of the top window carries the copy, which the core takes as a mix.
const teeFrame = (win) => {
  const connect = win.AudioNode.prototype.connect;
  const disconnect = win.AudioNode.prototype.disconnect;
  const tees = new WeakMap();
  win.AudioNode.prototype.connect = function (destination, ...rest) {
    const result = connect.call(this, destination, ...rest);
    if (destination instanceof win.AudioDestinationNode && destination.context instanceof win.AudioContext) {
      let tee = tees.get(destination);
      if (!tee) {
        tee = destination.context.createMediaStreamDestination();
        tees.set(destination, tee);
        const player = new Audio();
        tee.player = player;
        player.volume = 0.001; // heard by nobody here; not 0, which the core takes for a page's own silent element
        player.srcObject = new MediaStream(tee.stream.getAudioTracks());
        player.play().catch(() => {});
      }
      connect.call(this, tee, ...(rest.length ? [rest[0]] : []));
    }
    return result;
  };
  win.AudioNode.prototype.disconnect = function (...args) {
    if (args[0] instanceof win.AudioDestinationNode && tees.has(args[0])) {
      try {
        disconnect.call(this, tees.get(args[0]));
      } catch (error) {
        // It was connected before we looked.
      }
    }
    return disconnect.apply(this, args);
  };
};

watchSockets(window);
const frame = rejoinder.frame;
rejoinder.frame = (win) => {
  if (frame) frame(win);
  watchSockets(win);
  teeFrame(win);
};

// -- What the page shows.
const documents = () => {
  const all = [document];
  for (const inner of document.querySelectorAll("iframe")) {
    try {
      if (inner.contentDocument && inner.contentDocument.body) all.push(inner.contentDocument);
    } catch (error) {
      // Another site's.
    }
  }
  return all;
};
const find = (css) => documents().flatMap((one) => [...one.querySelectorAll(css)]);
const textOf = (element) => ((element && element.textContent) || "").replace(/\s+/g, " ").trim().slice(0, 200);
const tileName = (tile) => {
  const tag = tile.querySelector(".video-avatar__avatar-footer span, .video-avatar__avatar-footer, .video-avatar__avatar-name");
  return textOf(tag);
};

function people(now) {
  const rows = find(".participants-li").slice(0, 500).map((row) => {
    const label = textOf(row.querySelector(".participants-item__name-label")) || (row.getAttribute("aria-label") || "");
    const roles = (label.match(/\(([^)]*)\)/) || ["", label])[1].toLowerCase().split(",").map((word) => word.trim());
    return {
      name: textOf(row.querySelector(".participants-item__display-name")),
      me: roles.includes("me") || roles.includes("ich"),
      host: roles.includes("host"),
    };
  });
  const button = find("#wc-footer button[aria-label*='the participants'],#wc-footer button[aria-label*='the manage participants']")[0];
  const counter = find("#wc-footer .footer-button__number-counter")[0];
  const title = textOf(find(".panel-shell-header__header, .participants-header__header")[0]);
  const number = ((button && button.getAttribute("aria-label")) || "").match(/(\d+)\]?\s*partic/i) ||
    textOf(counter).match(/^(\d+)/) || title.match(/\((\d+)\)/);
  const tiles = [...new Set(find(".video-avatar__avatar").map(tileName).filter(Boolean))].slice(0, 100);
  const fact = { rows, tiles, count: number ? Number(number[1]) : null };
  const key = JSON.stringify(fact);
  // Again each second: someone who left is one who was missing from several reads.
  if (key === reported.people && now - reported.peopleAt < 1000) return;
  if (!rows.length && !tiles.length) return;
  reported.people = key;
  reported.peopleAt = now;
  rejoinder.report("zoom_people", fact);
}

const ACTIVE = [
  [".speaker-bar-container__video-frame--active", "border"],
  [".gallery-video-container__video-frame--active", "border"],
  [".speaker-active-container__video-frame", "stage"],
];
function speaker(now) {
  for (const [css, by] of ACTIVE) {
    const name = find(css).map(tileName).find(Boolean);
    if (!name) continue;
    const key = `${by} ${name}`;
    if (key !== reported.speaker || now - reported.speakerAt >= 1000) {
      reported.speaker = key;
      reported.speakerAt = now;
      rejoinder.report("zoom_speaker", { by, name });
    }
    return;
  }
}

// Messages of one sender in a row carry the name once.
function chat() {
  let sender = null;
  for (const item of find(".chat-item__sender, .new-chat-message__container")) {
    if (item.matches(".chat-item__sender")) {
      sender = textOf(item);
      continue;
    }
    const own = item.querySelector(".chat-item__sender");
    if (own) sender = textOf(own);
    const text = item.querySelector(".new-chat-message__text-box, .chat-rtf-box__display, .new-chat-message__text-content");
    if (!text || !text.innerText.trim()) continue;
    const key = item.id || `${sender} ${item.getAttribute("aria-label")} ${text.innerText}`;
    if (chatSeen.has(key)) continue;
    chatSeen.add(key);
    if (chatSeen.size > 5000) chatSeen.delete(chatSeen.values().next().value);
    rejoinder.report("zoom_chat", { id: null, name: sender, text: text.innerText.trim().slice(0, 10000), at: Date.now() / 1000 });
  }
}

function captions() {
  const item = find(".live-transcription-subtitle__item")[0];
  if (!item) return;
  const box = item.closest("#live-transcription-subtitle") || item.parentElement;
  const image = box && box.querySelector("img");
  const avatar = box && [...box.querySelectorAll("span")].find((one) => one !== item && !item.contains(one));
  const key = image && image.getAttribute("src") ? image.getAttribute("src").slice(-100) : textOf(avatar).slice(0, 8);
  const text = (item.innerText || "").trim().slice(-1000);
  if (!text || `${key} ${text}` === reported.caption) return;
  reported.caption = `${key} ${text}`;
  rejoinder.report("zoom_caption", { key, text });
}

setInterval(() => {
  const now = performance.now();
  for (const part of [people, speaker, chat, captions]) {
    try {
      part(now);
    } catch (error) {
      rejoinder.report("script_error", { message: `${part.name}: ${error}`.slice(0, 500) });
    }
  }
}, SCAN_MS);
