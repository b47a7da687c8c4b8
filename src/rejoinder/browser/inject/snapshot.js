// Reads the page once: argument {selectors: {name: [{css, labels}]}, ignore: [css]}, answer plain data, all bounded.
// With {find: name}: the element to act on, instead.
(argument) => {
  "use strict";
  const MAX_TEXTS = 400, MAX_TEXT = 300, MAX_CONTROLS = 100, MAX_DIALOGS = 10, MAX_DIALOG = 2000, MAX_NODES = 20000;
  const plain = (text) =>
    text.normalize("NFKC").replace(/[’‘ʼ`´]/g, "'").replace(/[“”]/g, '"').toLowerCase().split(/\s+/).join(" ").trim();

  // The document, its open shadow roots and same-origin frames.
  const roots = [];
  const collect = (root) => {
    roots.push(root);
    if (roots.length > 200) return;
    for (const element of root.querySelectorAll("iframe,*")) {
      if (element.shadowRoot) collect(element.shadowRoot);
      if (element.tagName === "IFRAME") {
        try {
          if (element.contentDocument && element.contentDocument.body) collect(element.contentDocument);
        } catch (error) {
          // Another origin.
        }
      }
    }
  };
  if (document.body) collect(document);

  const shown = (element) => {
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true })) return false;
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0;
  };
  const labelOf = (element) => {
    const by = element.getAttribute("aria-labelledby");
    const other = by && element.getRootNode().getElementById ? element.getRootNode().getElementById(by) : null;
    const text =
      element.getAttribute("aria-label") || (other && other.textContent) || element.innerText ||
      (element.labels && element.labels[0] && element.labels[0].innerText) ||
      element.getAttribute("placeholder") || element.getAttribute("title") || (element.type === "submit" && element.value) || "";
    return String(text).trim().slice(0, MAX_TEXT);
  };
  const labelled = (element, labels) => {
    const own = [element.getAttribute("aria-label"), element.innerText, element.getAttribute("title"),
      element.tagName === "INPUT" && ["submit", "button"].includes(element.type) ? element.value : null];
    return own.some((text) => text && labels.has(plain(text)));
  };
  const query = (css) => {
    const found = [];
    for (const root of roots) {
      try {
        found.push(...root.querySelectorAll(css));
      } catch (error) {
        throw new Error(`selector is not CSS: ${css}`);
      }
    }
    return found;
  };
  const matches = (alternatives) => {
    let first = [];
    for (const { css, labels } of alternatives) {
      let found = query(css);
      if (labels) {
        const wanted = new Set(labels.map(plain));
        found = found.filter((element) => labelled(element, wanted));
      }
      if (found.some(shown)) return found;
      if (!first.length) first = found;
    }
    return first;
  };
  const disabled = (element) => element.disabled === true || element.getAttribute("aria-disabled") === "true";
  const pressed = (element) => {
    const value = element.getAttribute("aria-pressed") || element.getAttribute("aria-checked");
    return value === null ? null : value === "true";
  };
  const valueOf = (element) => {
    if ("value" in element && element.tagName !== "BUTTON" && element.tagName !== "LI") {
      return element.type === "password" ? "" : String(element.value).slice(0, MAX_TEXT);
    }
    return element.getAttribute("aria-pressed") || element.getAttribute("aria-checked") || element.getAttribute("aria-expanded") || "";
  };

  if (argument.find) {
    const found = matches(argument.selectors[argument.find] || []);
    return found.find((element) => shown(element) && !disabled(element)) || found.find(shown) || null;
  }

  const answer = {
    url: location.href, lang: document.documentElement ? document.documentElement.lang : "", title: document.title.slice(0, MAX_TEXT),
    online: navigator.onLine, texts: [], buttons: [], inputs: [], dialogs: [], present: [], visible: [], enabled: [], counts: {}, values: {},
    tracks: window.__rejoinder ? window.__rejoinder.tracks().length : 0,
  };
  for (const [name, alternatives] of Object.entries(argument.selectors)) {
    const found = matches(alternatives);
    if (!found.length) continue;
    answer.present.push(name);
    answer.counts[name] = found.length;
    const visible = found.filter(shown);
    const value = valueOf(visible[0] || found[0]);
    if (value) answer.values[name] = value;
    if (!visible.length) continue;
    answer.visible.push(name);
    if (visible.some((element) => !disabled(element))) answer.enabled.push(name);
  }
  const ignored = new Set(argument.ignore.flatMap(query));
  const inIgnored = (element) => {
    for (let at = element; at; at = at.parentElement || (at.getRootNode() instanceof ShadowRoot ? at.getRootNode().host : null)) {
      if (ignored.has(at)) return true;
    }
    return false;
  };
  // Blocks: the nearest ancestor of each text that is not inline, so that "You <b>can't</b> join" is one text.
  const blocks = new Map();
  let nodes = 0;
  for (const root of roots) {
    const walker = document.createTreeWalker(root.body || root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode() && nodes++ < MAX_NODES) {
      const text = walker.currentNode.data.trim();
      if (!text) continue;
      let element = walker.currentNode.parentElement;
      if (!element || ["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE"].includes(element.tagName)) continue;
      while (element.parentElement && getComputedStyle(element).display.startsWith("inline")) element = element.parentElement;
      if (!blocks.has(element)) blocks.set(element, []);
      blocks.get(element).push(text);
    }
  }
  const said = new Set();
  for (const [element, words] of blocks) {
    if (answer.texts.length >= MAX_TEXTS) break;
    if (!shown(element) || inIgnored(element)) continue;
    const text = words.join(" ").slice(0, MAX_TEXT);
    if (said.has(text)) continue;
    said.add(text);
    answer.texts.push(text);
  }
  for (const element of query("button,[role=button],input[type=submit],input[type=button],a[href]")) {
    if (answer.buttons.length >= MAX_CONTROLS) break;
    if (shown(element) && !inIgnored(element)) {
      answer.buttons.push([labelOf(element), !disabled(element), pressed(element), ""]);
    }
  }
  for (const element of query("input:not([type=submit]):not([type=button]):not([type=hidden]),textarea,select,[contenteditable=true]")) {
    if (answer.inputs.length >= MAX_CONTROLS) break;
    if (shown(element)) answer.inputs.push([labelOf(element), !disabled(element), pressed(element), valueOf(element)]);
  }
  for (const element of query("[role=dialog],[role=alertdialog],dialog[open]")) {
    if (answer.dialogs.length >= MAX_DIALOGS) break;
    if (shown(element) && !inIgnored(element)) answer.dialogs.push(element.innerText.slice(0, MAX_DIALOG));
  }
  return answer;
}
