// What Google Meet's page shows, as facts: people (tiles), voices (whose tile moves), chat, captions. Judges nothing.
// `meet`: {css: {name: [selector]}, you, pinned_before, pinned_after}, from selectors.toml.
(function rejoinderMeet(meet) {
  "use strict";
  const core = window.__rejoinder;
  if (!core) return;
  const MAX_PEOPLE = 300, MAX_NAME = 200, MAX_TEXT = 10000;
  const VOICE_MS = 600; // the sign of a voice changes five times a second while somebody speaks
  const SETTLED_MS = 1000; // a caption that has not changed for so long is final

  const css = {};
  for (const [name, list] of Object.entries(meet.css)) css[name] = list.join(",");
  const own = new Set(meet.you.map((word) => word.toLowerCase()));
  const all = (name, root) => [...(root || document).querySelectorAll(css[name])];
  const first = (name, root) => {
    for (const one of meet.css[name]) {
      const found = (root || document).querySelector(one);
      if (found) return found;
    }
    return null;
  };
  const shown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;

  // -- people

  // Text without icons (their names are text of an icon font), buttons and what only assistive software reads.
  function words(element) {
    const found = [];
    const walk = (node) => {
      for (const child of node.childNodes) {
        if (child.nodeType === Node.TEXT_NODE) {
          const text = child.data.trim();
          if (text) found.push(text);
        } else if (child.nodeType === Node.ELEMENT_NODE) {
          if (child.matches(css.icon) || child.matches("button,[role=button],[role=menu],[role=tooltip],[aria-hidden=true],style,script")) continue;
          walk(child);
        }
      }
    };
    walk(element);
    return found;
  }

  const isName = (text) => Boolean(text) && text.length <= MAX_NAME && !/[{}<>\n\t]/.test(text);

  function pinned(tile) {
    for (const button of tile.querySelectorAll("[aria-label]")) {
      const label = button.getAttribute("aria-label");
      for (const after of meet.pinned_after) {
        if (!label.endsWith(after)) continue;
        const before = meet.pinned_before.find((start) => label.startsWith(start)) || "";
        return label.slice(before.length, label.length - after.length).trim();
      }
    }
    return "";
  }

  function nameOf(tile) {
    for (const one of meet.css.tile_name) {
      for (const element of tile.querySelectorAll(one)) {
        const text = words(element).join(" ") || element.getAttribute("data-self-name") || "";
        if (isName(text)) return text;
      }
    }
    const name = pinned(tile);
    if (isName(name)) return name;
    return words(tile).find(isName) || "";
  }

  let toldPeople = "";
  let toldPeopleAt = 0;
  const tileOf = new Map(); // id -> elements that show this person

  function people() {
    const rows = new Map();
    tileOf.clear();
    for (const tile of all("tile")) {
      const id = tile.getAttribute("data-participant-id");
      if (!id || rows.size >= MAX_PEOPLE || tile.closest(css.presentation) || tile.querySelector(css.presentation)) continue;
      if (tile.parentElement && tile.parentElement.closest(`[data-participant-id="${CSS.escape(id)}"]`)) continue;
      const name = nameOf(tile);
      const bare = name.replace(/\s*\(([^()]*)\)$/, (whole, inner) => (own.has(inner.toLowerCase()) ? "" : whole));
      const me = Boolean(tile.querySelector(css.self_mark)) || own.has(name.toLowerCase()) || bare !== name;
      const row = rows.get(id) || { id: id.slice(0, MAX_NAME), name: "", me: false };
      row.name = row.name || bare;
      row.me = row.me || me;
      rows.set(id, row);
      if (!tileOf.has(id)) tileOf.set(id, []);
      tileOf.get(id).push(tile);
    }
    const list = [...rows.values()];
    const text = JSON.stringify(list);
    const now = performance.now();
    if (text === toldPeople && now - toldPeopleAt < 5000) return;
    toldPeople = text;
    toldPeopleAt = now;
    core.report("people", { all: list });
  }

  // -- voices

  const looks = new WeakMap(); // sign of a voice -> {look, at}
  let toldVoices = "";
  let toldVoicesAt = 0;

  // Which class means a voice changes with every release; that it changes all the time does not.
  function speaks(tile, now) {
    const level = tile.querySelector("[data-audio-level]");
    if (level && Number(level.getAttribute("data-audio-level")) > 0) return true;
    for (const sign of all("voice", tile)) {
      const look = sign.className + "|" + [...sign.children].map((bar) => bar.className).join("|");
      const last = looks.get(sign);
      if (!last || last.look !== look) looks.set(sign, { look, at: last ? now : -Infinity });
      if (now - looks.get(sign).at < VOICE_MS && !sign.matches(css.voice_silent) && shown(sign)) return true;
    }
    return false;
  }

  function voices() {
    const now = performance.now();
    const ids = [];
    for (const [id, tiles] of tileOf) {
      // Every tile is looked at: a sign that is not read misses its changes.
      if (tiles.map((tile) => tile.isConnected && speaks(tile, now)).some(Boolean)) ids.push(id);
    }
    const text = ids.join();
    if (text === toldVoices && (!text || now - toldVoicesAt < 450)) return;
    toldVoices = text;
    toldVoicesAt = now;
    core.report("voices", { ids });
  }

  // -- chat

  const messages = new Set();

  function idOf(name) {
    if (!tileOf.size) people();
    const same = [...tileOf].filter(([, tiles]) => nameOf(tiles[0]) === name);
    return same.length === 1 ? same[0][0] : null;
  }

  function chat() {
    const list = first("chat_list");
    if (!list) return;
    for (const message of all("chat_message", list)) {
      const id = message.getAttribute("data-message-id");
      if (!id || messages.has(id)) continue;
      const body = first("chat_text", message);
      const text = body ? body.innerText.trim() || body.getAttribute("data-message-text") || "" : "";
      if (!text) continue;
      messages.add(id);
      if (messages.size > 5000) messages.delete(messages.values().next().value);
      // Messages of one sender stand in a group with one heading; the bot's own group has none.
      const group = message.closest(css.chat_group);
      const sender = first("chat_sender", message) || (group && first("chat_sender", group));
      const name = (sender && words(sender).join(" ")) || (group && group.getAttribute("data-sender-name")) || "";
      if (!name || own.has(name.toLowerCase())) continue;
      core.report("chat", { message: id, id: idOf(name), name: name.slice(0, MAX_NAME), text: text.slice(0, MAX_TEXT), at: Date.now() / 1000 });
    }
  }

  // -- captions

  const captioned = new Map(); // element -> {name, text, at, final}

  function caption(said, final) {
    if (said.final === final && said.told === said.text) return;
    said.final = final;
    said.told = said.text;
    core.report("caption", { id: idOf(said.name), name: said.name, text: said.text.slice(-MAX_TEXT), final });
  }

  function captions() {
    const now = performance.now();
    let region = first("captions");
    // Down to the element whose children are what was said.
    while (region && region.children.length === 1 && words(region.children[0]).length > 2 && region.children[0].children.length > 0) {
      const next = region.children[0];
      if ([...next.children].every((child) => words(child).length < 2)) break;
      region = next;
    }
    for (const block of region ? region.children : []) {
      const [name, ...rest] = words(block);
      const text = rest.join(" ");
      if (!isName(name) || !text || own.has(name.toLowerCase())) continue;
      const said = captioned.get(block) || { name, text: "", at: now, final: false, told: "" };
      captioned.set(block, said);
      if (said.text !== text) {
        said.text = text;
        said.at = now;
        caption(said, false);
      } else if (now - said.at > SETTLED_MS && !said.final) {
        caption(said, true);
      }
    }
    for (const [block, said] of captioned) {
      if (block.isConnected) continue;
      captioned.delete(block);
      if (!said.final) caption(said, true);
    }
  }

  // -- captcha: only a frame a person can see and use; an invisible one is on every page

  function challenge() {
    for (const frame of all("captcha_frame")) {
      const box = frame.getBoundingClientRect();
      const seen = box.width >= 120 && box.height >= 40 && box.right > 0 && box.bottom > 0 &&
        box.left < innerWidth && box.top < innerHeight && !frame.src.includes("size=invisible") &&
        frame.checkVisibility({ opacityProperty: true, visibilityProperty: true });
      frame.toggleAttribute("data-rejoinder-challenge", seen);
    }
  }

  const every = (ms, look) =>
    setInterval(() => {
      try {
        look();
      } catch (error) {
        core.report("script_error", { where: look.name, message: String(error).slice(0, 300) });
      }
    }, ms);
  every(500, people);
  every(100, voices);
  every(300, chat);
  every(200, captions);
  every(500, challenge);
})
