// The websocket to the room: JSON both ways, opened again when it is lost.

/** Milliseconds to wait before attempt `n` (from 1) to come back; `random` in [0, 1). */
export function backoff(n, random = Math.random()) {
  return Math.min(10_000, 400 * 2 ** (n - 1)) * (0.75 + random / 2);
}

const GIVE_UP_AFTER_MS = 120_000;
const PROBE_MS = 4_000;

/**
 * Fires 'message' (detail: the message), 'open', 'lost' (detail: {attempt}) and 'given-up'.
 * `greeting` returns the first message of each connection.
 */
export class Signalling extends EventTarget {
  #url;
  #greeting;
  #socket = null;
  #stopped = false;
  #attempt = 0;
  #lostAt = 0;
  #timer = null;
  #probing = false;

  constructor(room, greeting) {
    super();
    this.#url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/room/${room}/ws`;
    this.#greeting = greeting;
    this.probeUrl = `/room/${room}/info`;
  }

  open() {
    this.#stopped = false;
    this.#attempt = 0;
    this.#connect();
    addEventListener('online', this.#doubt);
    addEventListener('offline', this.#doubt);
    document.addEventListener('visibilitychange', this.#doubt);
  }

  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** No more reconnection; the server closes, or the page goes. */
  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    removeEventListener('online', this.#doubt);
    removeEventListener('offline', this.#doubt);
    document.removeEventListener('visibilitychange', this.#doubt);
    const socket = this.#socket;
    this.#socket = null;
    if (socket) setTimeout(() => socket.close(1000), 300);
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #connect() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      this.send(this.#greeting());
      this.#fire('open');
    };
    socket.onmessage = (event) => {
      if (socket !== this.#socket) return;
      const message = JSON.parse(event.data);
      if (message.type === 'joined' || message.type === 'waiting') this.#attempt = 0;
      this.#fire('message', message);
    };
    socket.onclose = () => socket === this.#socket && this.#lost();
  }

  #lost() {
    this.#socket = null;
    if (this.#stopped) return;
    const now = performance.now();
    if (this.#attempt === 0) this.#lostAt = now;
    this.#attempt++;
    if (now - this.#lostAt > GIVE_UP_AFTER_MS) {
      this.stop();
      this.#fire('given-up');
      return;
    }
    this.#fire('lost', { attempt: this.#attempt });
    this.#timer = setTimeout(() => this.#connect(), backoff(this.#attempt));
  }

  // A dead connection can look open for a long time. When the network or the page changed, ask the server once.
  #doubt = async () => {
    if (document.hidden || this.#probing || this.#socket?.readyState !== WebSocket.OPEN) return;
    const socket = this.#socket;
    this.#probing = true;
    try {
      await fetch(this.probeUrl, { cache: 'no-store', signal: AbortSignal.timeout(PROBE_MS) });
    } catch {
      if (socket === this.#socket) {
        socket.onclose = null;
        socket.close();
        this.#lost();
      }
    } finally {
      this.#probing = false;
    }
  };
}
