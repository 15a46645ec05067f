// What a link needs of its page: a socket, two alarms, a call as soon as the page was drawn, and the signs of its sleep
// and waking. Knows no MQTT. One function of the module hears all of it, with bytes where there are some.

// As `Sign` in page.rs has them; those of the alarms are named by who arms them.
const SOON = 2;
const OPENED = 3;
const FRAME = 4;
const CLOSED = 5;
const WAKE = 6;
const LEFT = 7;
const SHOWN = 8;

const NOTHING = new Uint8Array();

export class Page {
  constructor(hear) {
    this.hear = hear;
    this.alarms = [];
    this.channel = new MessageChannel();
    this.channel.port2.onmessage = () => hear(SOON, NOTHING);
    this.watching = new AbortController();
    // A worker has no document.
    const on = (target, kind, tell) => target?.addEventListener(kind, tell, { signal: this.watching.signal });
    const wake = () => hear(WAKE, NOTHING);
    // Losing the network is not believed blindly: loopback and a second interface still work.
    on(globalThis, 'online', wake);
    on(globalThis, 'offline', wake);
    on(globalThis.document, 'resume', wake);
    on(globalThis.document, 'visibilitychange', () => document.hidden || wake());
    on(globalThis, 'pagehide', () => hear(LEFT, NOTHING));
    // One that a script made up says nothing of it.
    on(globalThis, 'pageshow', (event) => event.persisted && hear(SHOWN, NOTHING));
  }

  open(address) {
    this.close();
    const told = (words) => this.lost(new TextEncoder().encode(words));
    try {
      const socket = (this.socket = new WebSocket(new TextDecoder().decode(address), 'mqtt'));
      socket.binaryType = 'arraybuffer';
      socket.onopen = () => this.hear(OPENED, NOTHING);
      socket.onmessage = ({ data }) =>
        data instanceof ArrayBuffer ? this.hear(FRAME, new Uint8Array(data)) : told('a text frame came [MQTT-6.0.0-1]');
      socket.onclose = ({ code, reason }) =>
        told(
          code === 1006
            ? 'the socket could not be opened or broke off (1006)'
            : reason ? `${reason} (${code})` : `code ${code}`,
        );
    } catch (error) {
      // Later: the module is at work.
      const refused = (this.socket = { close() {} });
      queueMicrotask(() => this.socket === refused && told(error.message));
    }
  }

  lost(why) {
    this.close();
    this.hear(CLOSED, why);
  }

  send(bytes) {
    this.socket?.send(bytes);
    return this.buffered();
  }

  buffered() {
    return this.socket?.bufferedAmount ?? 0;
  }

  close() {
    const { socket } = this;
    if (!socket) return;
    this.socket = socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  arm(sign, ms) {
    clearTimeout(this.alarms[sign]);
    this.alarms[sign] = setTimeout(() => this.hear(sign, NOTHING), ms);
  }

  // Unlike an alarm it is not slowed down on hidden pages.
  soon() {
    this.channel.port1.postMessage(null);
  }

  end() {
    this.close();
    this.watching.abort();
    this.alarms.forEach(clearTimeout);
    this.channel.port2.onmessage = null;
    this.channel.port1.close();
  }
}
