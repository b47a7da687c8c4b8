// What Teams shows: tiles, the roster's number, captions, chat, and how loud each track is. Facts only; roster.py judges.
// SELECTORS, from selectors.toml, stands before this file.
const core = window.__rejoinder;
const MAX_TILES = 60;
const MAX_LINES = 40;

const all = (root, name) => {
  for (const css of SELECTORS[name]) {
    try {
      const found = root.querySelectorAll(css);
      if (found.length) return [...found];
    } catch (error) {
      // An operator's selector that is not CSS; the snapshot tells of it.
    }
  }
  return [];
};
const first = (root, name) => all(root, name)[0] || null;
const textOf = (element) => (element ? (element.innerText || element.textContent || "").trim() : "");
const shown = (element) =>
  element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true });

// A fact is sent when it changed, and once a second.
const lately = new Map();
function tell(kind, data, always) {
  const now = performance.now();
  const text = JSON.stringify(data);
  const last = lately.get(kind);
  if (last && last.text === text && (!always || now - last.at < 1000)) return;
  lately.set(kind, { text, at: now });
  core.report(kind, data);
}

// -- tiles: looked at now and then, and as soon as one lights up --
const lights = new MutationObserver(() => tiles());
const watched = new WeakSet();
function tiles() {
  const rows = [];
  for (const tile of all(document, "tile").slice(0, MAX_TILES)) {
    const name = (tile.getAttribute("data-tid") || "").slice(0, 200);
    if (!name) continue;
    if (tile.getAttribute("data-stream-type") === "ScreenSharing") continue;
    const outline = first(tile, "outline");
    if (outline && !watched.has(outline)) {
      watched.add(outline);
      lights.observe(outline, { attributes: true, attributeFilter: ["class", "style"] });
    }
    rows.push([tile.getAttribute("data-acc-id") || "", name, Boolean(outline && shown(outline)), false]);
  }
  const badge = textOf(first(document, "roster_badge")).match(/\d+/);
  // No tiles at all: not in the meeting, or a page that is being rebuilt. Nothing is known then.
  if (rows.length) tell("tiles", { rows, count: badge ? Number(badge[0]) : null }, true);
}

// -- captions: authors and texts are paired by their order in the document, which holds for hosts and guests --
const keys = new WeakMap();
let keyCount = 0;
function lines() {
  const pane = first(document, "captions_pane");
  if (!pane) return;
  const rows = [];
  let author = "";
  const marks = new Set(all(pane, "caption_author"));
  const texts = new Set(all(pane, "caption_text"));
  for (const element of pane.querySelectorAll("*")) {
    if (marks.has(element)) author = textOf(element);
    if (!texts.has(element)) continue;
    if (!keys.has(element)) keys.set(element, `${core.epoch}:${keyCount++}`);
    const text = textOf(element);
    if (author && text) rows.push([keys.get(element), author.slice(0, 200), text.slice(0, 2000)]);
  }
  tell("lines", { rows: rows.slice(-MAX_LINES) }, false);
}

// -- chat --
const told = new Set();
let messageCount = 0;
const begun = Date.now();
function messages() {
  for (const message of all(document, "message")) {
    if (!message.__rejoinderId) {
      const id = message.getAttribute("data-mid") || message.id || "";
      Object.defineProperty(message, "__rejoinderId", { value: id || `${core.epoch}:m${messageCount++}` });
    }
    const id = message.__rejoinderId;
    if (told.has(id)) continue;
    const text = textOf(first(message, "message_body"));
    const author = textOf(first(message, "message_author"));
    if (!text) continue;
    const time = message.querySelector("time[datetime]");
    const at = time ? Date.parse(time.getAttribute("datetime")) : Date.now();
    // What was written before the bot came was not written to it. A minute for clocks that differ.
    told.add(id);
    if (at < begun - 60000) continue;
    core.report("message", { id, name: author.slice(0, 200), text: text.slice(0, 10000), at: (at || Date.now()) / 1000 });
  }
}

// -- how loud each track is, from the decoder's own energy: a track that is there need not carry anything --
const connections = new Set();
const Base = window.RTCPeerConnection;
if (Base) {
  const Watched = class RTCPeerConnection extends Base {
    constructor(...args) {
      super(...args);
      connections.add(new WeakRef(this));
    }
  };
  window.RTCPeerConnection = Watched;
}
const energies = new WeakMap();
async function levels() {
  const byTrack = {};
  const known = core.tracks();
  for (const ref of connections) {
    const connection = ref.deref();
    if (!connection || connection.connectionState === "closed") {
      connections.delete(ref);
      continue;
    }
    for (const transceiver of connection.getTransceivers()) {
      const { receiver, mid } = transceiver;
      if (receiver.track.kind !== "audio") continue;
      const entry = known.find((one) => one.id === receiver.track.id && one.mid === mid);
      if (!entry) continue;
      for (const row of (await receiver.getStats()).values()) {
        if (row.type !== "inbound-rtp" || row.totalSamplesDuration === undefined) continue;
        const last = energies.get(receiver) || [row.totalAudioEnergy, row.totalSamplesDuration];
        const seconds = row.totalSamplesDuration - last[1];
        energies.set(receiver, [row.totalAudioEnergy, row.totalSamplesDuration]);
        const level = seconds > 0 ? Math.sqrt(Math.max(0, row.totalAudioEnergy - last[0]) / seconds) : 0;
        byTrack[entry.track] = Math.round(level * 10000) / 10000;
      }
    }
  }
  if (Object.keys(byTrack).length) core.report("levels", { levels: byTrack });
}

setInterval(tiles, 100);
setInterval(lines, 250);
setInterval(messages, 250);
let measuring = false;
setInterval(() => {
  if (measuring) return;
  measuring = true;
  levels()
    .catch(() => {})
    .finally(() => {
      measuring = false;
    });
}, 250);
