// The page's end of the channel. Runs before the page's own scripts, in the top frame. Config: {url, name, width, height}.
// The socket lives in a worker, so that speech and heartbeats go on while the page's main thread is busy.
function rejoinderCore(config) {
  "use strict";
  const handlers = new Map();
  const early = new Map(); // kind -> what was told before anybody listened, the last of each kind
  const load = performance.timeOrigin;
  const MAX_FACTS_PER_S = 200;
  const MAX_FACT = 60000;
  const MAX_EARLY = 32;

  // In the worker: no page can reach it. Same frames as browser/wire.py.
  function workerMain() {
    let socket = null;
    let open = false;
    let pause = 100;
    let mainAt = performance.now();
    let speaker = null;
    let config = null;
    const waiting = [];
    const connect = () => {
      socket = new WebSocket(config.url);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => {
        open = true;
        pause = 100;
        socket.send(JSON.stringify({ k: "hello", t: now(), d: { load: config.load } }));
        while (waiting.length) socket.send(waiting.shift());
        beat();
      };
      socket.onmessage = (event) => receive(event.data);
      socket.onclose = () => {
        open = false;
        setTimeout(connect, pause);
        pause = Math.min(2000, pause * 2);
      };
    };
    // Page time: what the page's performance.now() would show.
    const now = () => performance.now() + performance.timeOrigin - config.load;
    const beat = () => {
      if (open) socket.send(JSON.stringify({ k: "beat", t: now(), d: { main: performance.now() - mainAt } }));
    };
    const send = (frame, keep) => {
      if (open) {
        if (socket.bufferedAmount < 1 << 20) socket.send(frame);
      } else if (keep) {
        waiting.push(frame);
        if (waiting.length > 500) waiting.shift();
      }
    };
    const receive = (data) => {
      if (typeof data === "string") {
        postMessage({ text: data });
        return;
      }
      const kind = new Uint8Array(data)[0];
      if (kind === 1) {
        const pcm = data.slice(2);
        if (speaker) speaker.postMessage({ pcm }, [pcm]);
      } else if (kind === 2) {
        const flush = new DataView(data).getUint32(2, true);
        if (speaker) speaker.postMessage({ flush });
      } else if (kind === 3) {
        const jpeg = data.slice(2);
        postMessage({ jpeg }, [jpeg]);
      }
    };
    const ears = rejoinderListen(
      (frame) => send(frame, false),
      (kind, data) => send(JSON.stringify({ k: kind, t: now(), d: data }), true),
      now,
    );
    onmessage = (event) => {
      const message = event.data;
      mainAt = performance.now();
      if (message.config) {
        config = message.config;
        connect();
        setInterval(beat, 1000);
      } else if (message.listen) {
        ears.start(message.listen, (key, fault) => postMessage({ heard: { key, fault } }));
      } else if (message.deaf !== undefined) {
        ears.stop(message.deaf);
      } else if (message.own !== undefined) {
        ears.own(message.own);
      } else if (message.text) {
        send(message.text, true);
      } else if (message.speaker) {
        speaker = message.speaker;
        speaker.onmessage = (report) => {
          const { playing, flushed, played } = report.data;
          const view = new DataView(new ArrayBuffer(22));
          view.setUint8(0, 2);
          view.setUint8(1, playing ? 1 : 0);
          view.setUint32(2, flushed, true);
          view.setFloat64(6, played, true);
          view.setFloat64(14, now(), true);
          send(view.buffer, false);
        };
      }
    };
  }

  const worker = new Worker(URL.createObjectURL(new Blob([`${rejoinderListen};(${workerMain})()`], { type: "text/javascript" })));
  worker.postMessage({ config: { url: config.url, load } });
  setInterval(() => worker.postMessage({ alive: 1 }), 500);

  let second = 0;
  let count = 0;
  let dropped = 0;
  const core = {
    epoch: load,
    name: config.name,
    report(kind, data) {
      const t = performance.now();
      if (t - second > 1000) {
        second = t;
        count = 0;
        if (dropped) {
          const lost = dropped;
          dropped = 0;
          core.report("dropped", { facts: lost });
        }
      }
      let text;
      try {
        text = JSON.stringify({ k: String(kind), t, d: data || {} });
      } catch (error) {
        return false;
      }
      if (++count > MAX_FACTS_PER_S || text.length > MAX_FACT) {
        dropped++;
        return false;
      }
      worker.postMessage({ text });
      return true;
    },
    on(kind, handler) {
      handlers.set(kind, handler);
      if (!early.has(kind)) return;
      const data = early.get(kind);
      early.delete(kind);
      handler(data);
    },
    tracks: () => [],
  };
  const inner = {
    config,
    // Hears a track ({key, track, backup, readable}) until `deaf(key)`; `own`: how many tracks are somebody's own.
    listen: (one) => worker.postMessage({ listen: one }, [one.readable]),
    deaf: (key) => worker.postMessage({ deaf: key }),
    own: (count) => worker.postMessage({ own: count }),
    heard: null, // told {key, fault} when a track's stream is over
    speaker: (port) => worker.postMessage({ speaker: port }, [port]),
    image: null,
    ours: new WeakSet(), // tracks we made (microphone, camera) and their clones
    remote: new WeakSet(), // tracks of receivers and their clones
  };
  worker.onmessage = (event) => {
    if (event.data.heard) {
      if (inner.heard) inner.heard(event.data.heard);
      return;
    }
    if (event.data.jpeg) {
      inner.lastImage = event.data.jpeg;
      if (inner.image) inner.image(event.data.jpeg);
      return;
    }
    try {
      const message = JSON.parse(event.data.text);
      const handler = handlers.get(message.k);
      if (handler) handler(message.d);
      else if (early.size < MAX_EARLY || early.has(message.k)) early.set(message.k, message.d);
    } catch (error) {
      core.report("script_error", { message: String(error).slice(0, 500) });
    }
  };
  return { core, inner };
}
