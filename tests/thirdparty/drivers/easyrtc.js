// The page has no field for a name, only its library has.
const MAX_NAME = 64;
let told = "";
const labels = new Map();
const watch = (api) => {
  const callers = [0, 1, 2].map((place) => (api.getIthCaller && api.getIthCaller(place)) || null);
  const all = callers.filter(Boolean).map((id) => ({ id, name: api.idToName(id) }));
  if (api.myEasyrtcid) all.push({ id: api.myEasyrtcid, name: api.username, me: true, bot: true });
  const now = JSON.stringify(all);
  if (now !== told && __rejoinder.report("participants", { all })) told = now;
  const tracks = __rejoinder.tracks();
  for (const number of labels.keys()) if (!tracks.some(({ track }) => track === number)) labels.delete(number);
  for (const { track, element } of tracks) {
    const [, place] = /^box([1-3])$/.exec(element ? element.id : "") || [];
    const id = place ? callers[place - 1] : null;
    if (id === (labels.get(track) || null)) continue;
    if (__rejoinder.report("label", { track, id, source: "track", confidence: 1 })) labels.set(track, id);
  }
};
// Before the page's own handler of the same event, which begins everything.
addEventListener("load", () => {
  const api = window.easyrtc;
  if (!api || !api.connect) return;
  const { connect, setPeerListener } = api;
  api.connect = (...rest) => {
    api.setUsername(__rejoinder.name.slice(0, MAX_NAME));
    connect.apply(api, rest);
  };
  api.setPeerListener = (listener, ...rest) =>
    setPeerListener.call(api, (id, type, text, ...more) => {
      if (type === "im") __rejoinder.report("chat", { id, name: api.idToName(id), text, at: Date.now() / 1000 });
      return listener(id, type, text, ...more);
    }, ...rest);
  setInterval(() => watch(api), 200);
});
