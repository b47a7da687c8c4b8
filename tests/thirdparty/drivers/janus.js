// Who is in which of the page's five places, and whose audio each track is.
let told = "";
const labels = new Map();
const look = () => {
  const feeds = window.feeds || [];
  const all = [];
  for (let place = 1; place < 6; place++) {
    const label = document.getElementById(`remote${place}`);
    if (feeds[place] && label) all.push({ id: String(feeds[place].rfid), name: label.textContent });
  }
  if (window.myid) all.push({ id: String(window.myid), name: window.myusername, me: true, bot: true });
  const now = JSON.stringify(all);
  if (now !== told && __rejoinder.report("participants", { all })) told = now;
  const tracks = __rejoinder.tracks();
  for (const number of labels.keys()) if (!tracks.some(({ track }) => track === number)) labels.delete(number);
  for (const { track, element } of tracks) {
    const [, place] = /^remotevideo(\d)-/.exec(element ? element.id : "") || [];
    const id = place && feeds[place] ? String(feeds[place].rfid) : null;
    if (id === (labels.get(track) || null)) continue;
    if (__rejoinder.report("label", { track, id, source: "track", confidence: 1 })) labels.set(track, id);
  }
};
setInterval(look, 200);
