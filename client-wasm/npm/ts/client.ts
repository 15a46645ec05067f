/** The client: Promises, events and requests over the wasm module, which does all of MQTT. */

import type { Core, Host } from './core.js';
import { Emitter } from './emitter.js';
import { ENDS, FAILURES, FOUND_OUT, MqttError, REASONS, type Reason } from './errors.js';
import { decoded, encoded, NAME, pack, unpack } from './fields.js';
import { granted, texts, type Connected, type Remark } from './granted.js';
import { Inbox, type MessagesOptions } from './iterate.js';
import { Message, Unpacker, type Qos } from './message.js';
import {
  bytes,
  packedSubscription,
  properties as packedProperties,
  settings,
  type ConnectOptions,
  type Authentication,
  type Payload,
  type PublishOptions,
  type SubscribeOptions,
} from './options.js';
import { probe } from './probe.js';
import { Requests, type RequestOptions } from './requests.js';
import { told } from './told.js';

/**
 * How things stand: the first attempt is made, the Server has accepted, further attempts are waited for or made, nothing more
 * happens by itself.
 */
export type LinkState = 'connecting' | 'connected' | 'waiting' | 'closed';

/** A connection, or the attempt at one, has ended. */
export interface Closed {
  readonly error: MqttError;
  /** Milliseconds until the next attempt; none when nothing more happens by itself. */
  readonly retryIn: number | undefined;
}

/** A subscription is gone: the Server had lost it, and refused to make it again. */
export interface SubscriptionLost {
  readonly filter: string;
  readonly error: MqttError;
}

/** Why there is no connection. */
export interface Why {
  readonly reason: Reason;
  /** The same for a person. */
  readonly words: string;
}

/** A message of which nobody can say whether it arrived: its connection was lost, and the Server has forgotten the Session. */
export interface InDoubt {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
}

export interface ClientEvents {
  message: Message;
  connect: Connected;
  close: Closed;
  /** Some time after `close`: what was found out of its cause. */
  why: Why;
  /** An attempt to connect begins: which one, since there was a connection. */
  attempt: number;
  state: LinkState;
  subscriptionlost: SubscriptionLost;
  indoubt: InDoubt;
  /** The storage has failed, as the browser says it: the Session ends with this page. */
  notstored: string;
  /** {@link Client.reauthenticate} has succeeded. */
  reauthenticated: undefined;
}

/** What became of a message that did all its QoS can promise. */
export type Outcome =
  /** QoS 0: handed to the browser, and nobody will say more. */
  | { readonly status: 'sent' }
  /** The Server has it. `reason` 16 says that nobody subscribes to it. */
  | ({ readonly status: 'acknowledged'; readonly reason: number } & Remark);

/** The Server's answer to a subscription. */
export type SubscribeResult =
  | ({ readonly filter: string; readonly granted: true; readonly qos: Qos; readonly reason: number } & Remark)
  | { readonly filter: string; readonly granted: false; readonly reason: number; readonly error: MqttError };

/** A subscription that was granted. */
export type Subscription = Extract<SubscribeResult, { granted: true }>;

interface Waiting<T> {
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
  release: () => void;
}

interface Answered {
  reasons: Uint8Array;
  remark: Remark;
}

const OUTCOMES = ['sent', 'acknowledged', 'refused', 'expired', 'link-lost', 'session-lost', 'impossible', 'cancelled'] as const;
const WORDS = {
  expired: 'the message was not delivered in its time',
  'link-lost': 'the connection was lost before the message was sent',
  'session-lost': 'the server has forgotten the session: nobody can say whether the message arrived',
  cancelled: 'the message was taken back before it was sent',
  impossible: 'the server cannot take the message',
} as const;

/** An MQTT client that keeps its connection alive. {@link connect} makes one. */
export class Client extends Emitter<ClientEvents> {
  readonly #core: Core;
  readonly #publishes = new Map<number, Waiting<Outcome>>();
  readonly #answers = new Map<number, Waiting<Answered>>();
  readonly #unpacker = new Unpacker();
  readonly #requests = new Requests(this);
  readonly #inboxes = new Set<Inbox>();
  #remark: Remark = {};
  #state: LinkState = 'connecting';
  #connected: Connected | undefined;
  #closed: Closed | undefined;
  #hasEnded = false;
  #authentication: Authentication | undefined;
  #steps = 0;
  /** Why the last call that was not even tried was not. */
  #failure: MqttError | undefined;
  #isProbing = false;

  readonly #address: string;
  #attempts = 0;
  #why: Why | undefined;

  /** @internal */
  constructor(url: string, options: ConnectOptions, make: (address: Uint8Array, settings: Uint8Array, host: Host) => Core | undefined) {
    super();
    this.#address = address(url);
    this.#authentication = options.authentication;
    this.onAll(options.on ?? {});
    const core = make(encoded(this.#address), settings(options), this.#host());
    if (!core) throw this.#failure;
    this.#core = core;
  }

  /** How things stand. */
  get state(): LinkState {
    return this.#state;
  }

  /** What the Server granted last; none before it first did. */
  get connected(): Connected | undefined {
    return this.#connected;
  }

  /** Why there is no connection; none while there is one, or before the first attempt has ended. */
  get closed(): Closed | undefined {
    return this.#closed;
  }

  /** Why there is no connection, as far as it was found out. */
  get why(): Why | undefined {
    return this.#why;
  }

  /** Filters that are subscribed to, with `durable` also by the page before this one. */
  get subscriptions(): string[] {
    const filters: string[] = [];
    if (!this.#hasEnded) unpack(this.#core.subscriptions(), (_name, bytes) => filters.push(decoded(bytes)));
    return filters;
  }

  /** Whether the Session outlives the page. */
  get isDurable(): boolean {
    return !this.#hasEnded && this.#core.isDurable;
  }

  /** The client identifier, once it is known. */
  get clientId(): string {
    return this.#connected?.clientId ?? '';
  }

  /**
   * Publishes. The Promise is fulfilled when the message has done all that its QoS promises, and rejected with an
   * {@link MqttError} when it has not.
   */
  publish(topic: string, payload: Payload, options: PublishOptions = {}): Promise<Outcome> {
    const { qos = 0, retain = false, deadline, offline = deadline ?? 'wait', properties, signal } = options;
    const { expiry = deadline === undefined ? undefined : Math.ceil(deadline / 1_000) } = options;
    const patience = offline === 'wait' ? -1 : offline === 'fail' ? 0 : offline;
    const start = (): [number, () => void] => {
      const extra = packedProperties(properties, expiry);
      const id = this.#core.publish(encoded(topic), bytes(payload), qos, retain, patience, extra);
      return [id, () => void this.#core.cancel(id)];
    };
    return this.#wait(this.#publishes, signal, start, deadline);
  }

  /** Subscribes, now and after each reconnect. Rejected where the Server refuses it. */
  subscribe(filter: string, options?: SubscribeOptions): Promise<Subscription>;
  /** Subscribes to several filters at once. Each has its own answer; rejected only when there is none. */
  subscribe(filters: readonly string[], options?: SubscribeOptions): Promise<SubscribeResult[]>;
  async subscribe(
    wanted: string | readonly string[],
    options: SubscribeOptions = {},
  ): Promise<Subscription | SubscribeResult[]> {
    const filters = typeof wanted === 'string' ? [wanted] : [...wanted];
    const answer = await this.#wait(this.#answers, options.signal, () => {
      const packed = packedFilters(filters);
      const id = this.#core.subscribe(packed, packedSubscription(options), options.subscriptionId ?? 0);
      return [id, () => void this.#core.unsubscribe(packed)];
    });
    const results = filters.map((filter, n) => subscribed(filter, answer.reasons[n] ?? 0x80, answer.remark));
    if (typeof wanted !== 'string') return results;
    const only = results[0]!;
    if (!only.granted) throw only.error;
    return only;
  }

  /** Ends subscriptions. Rejected where the Server does not want to. */
  async unsubscribe(wanted: string | readonly string[], options: { signal?: AbortSignal } = {}): Promise<void> {
    const filters = typeof wanted === 'string' ? [wanted] : [...wanted];
    const answer = await this.#wait(this.#answers, options.signal, () => [
      this.#core.unsubscribe(packedFilters(filters)),
      () => {},
    ]);
    const bad = answer.reasons.find((reason) => reason >= 0x80);
    if (bad !== undefined) throw MqttError.refused(bad, answer.remark.reasonString);
  }

  /** Publishes a question and waits for its answer (MQTT 5.0). */
  request(topic: string, payload: Payload, options: RequestOptions = {}): Promise<Message> {
    return this.#requests.ask(topic, payload, options);
  }

  /** Answers a message that asks for it, at its QoS. */
  respond(question: Message, payload: Payload, options: PublishOptions = {}): Promise<Outcome> {
    return this.#requests.answer(question, payload, options);
  }

  /** The messages that come from now on, one after the other: `for await (const message of client.messages())`. */
  messages(options: MessagesOptions = {}): Inbox {
    const inbox = new Inbox(options, () => this.#inboxes.delete(inbox));
    if (this.#hasEnded) inbox.end();
    else this.#inboxes.add(inbox);
    return inbox;
  }

  /** Connects now instead of waiting for the next attempt, also after a refusal; probes a connection that is there. */
  reconnect(): void {
    if (this.#hasEnded) throw new MqttError('ended', 'the client was ended');
    this.#core.retry();
  }

  /** Proves anew who this is, by the `authentication` that it has connected with; the event `reauthenticated` follows. */
  reauthenticate(): void {
    if (this.#hasEnded) throw new MqttError('ended', 'the client was ended');
    if (!this.#core.reauthenticate()) throw this.#failure;
  }

  /** Says goodbye to the Server, for good. What still waits is rejected. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#core.close();
    this.#rejectAll(new MqttError('ended', 'the client was ended'));
    this.#inboxes.forEach((inbox) => inbox.end());
    this.#inboxes.clear();
    // Later: this may be called by a listener, while the module is at work.
    queueMicrotask(() => this.#core.free());
  }

  /** Starts something in the module and waits until the host hears of its end. */
  #wait<T>(
    waiting: Map<number, Waiting<T>>,
    signal: AbortSignal | undefined,
    start: () => [id: number, cancel: () => void],
    deadline?: number,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) throw new MqttError('ended', 'the client was ended');
      signal?.throwIfAborted();
      const outer = this.#early;
      const early = (this.#early ??= []);
      let id: number;
      let cancel: () => void;
      try {
        [id, cancel] = start();
        if (id < 0) throw this.#failure;
      } catch (error) {
        this.#leave(outer, early);
        throw error;
      }
      const give = (error: unknown): void => {
        waiting.delete(id);
        release();
        if (!this.#hasEnded) cancel();
        reject(error);
      };
      const abort = (): void => give(signal?.reason);
      signal?.addEventListener('abort', abort, { once: true });
      const overdue = (): void => give(new MqttError('expired', WORDS.expired));
      const timer = deadline === undefined ? undefined : setTimeout(overdue, deadline);
      const release = (): void => {
        signal?.removeEventListener('abort', abort);
        clearTimeout(timer);
      };
      waiting.set(id, { resolve, reject, release });
      this.#leave(outer, early);
    });
  }

  #leave(outer: (() => void)[] | undefined, early: (() => void)[]): void {
    this.#early = outer;
    if (!outer) early.forEach((tell) => tell());
  }

  /** While a call is under way its number is not known yet: what is told meanwhile waits here for the outermost one. */
  #early: (() => void)[] | undefined;

  #settle<T>(waiting: Map<number, Waiting<T>>, id: number, value: T | MqttError): void {
    const tell = (): void => {
      const found = waiting.get(id);
      if (!found) return;
      waiting.delete(id);
      found.release();
      if (value instanceof MqttError) found.reject(value);
      else found.resolve(value);
    };
    if (this.#early) this.#early.push(tell);
    else tell();
  }

  #rejectAll(error: MqttError): void {
    for (const waiting of [this.#publishes, this.#answers]) {
      for (const { reject, release } of waiting.values()) {
        release();
        reject(error);
      }
      waiting.clear();
    }
    this.#requests.rejectAll(error);
  }

  #enter(state: LinkState): void {
    if (this.#state !== state) {
      this.#state = state;
      this.emit('state', state);
    }
  }

  #takeRemark(): Remark {
    const remark = this.#remark;
    this.#remark = {};
    return remark;
  }

  #receive(message: Message): void {
    if (this.#requests.take(message)) return;
    this.emit('message', message);
    for (const inbox of this.#inboxes) inbox.push(message);
  }

  #host(): Host {
    return {
      messages: (index, packed) => this.#unpacker.unpack(index, packed, (message) => this.#receive(message)),
      tell: told({
        attempt: () => this.emit('attempt', ++this.#attempts),
        notStored: (why) => this.emit('notstored', decoded(why)),
        reauthenticated: () => this.emit('reauthenticated', undefined),
        published: (text, id, outcome, reason) => {
          const status = OUTCOMES[outcome] ?? 'impossible';
          const remark = this.#takeRemark();
          const words = decoded(text);
          if (status === 'sent') this.#settle(this.#publishes, id, { status });
          else if (status === 'acknowledged') this.#settle(this.#publishes, id, { status, reason, ...remark });
          else if (status === 'refused') this.#settle(this.#publishes, id, MqttError.refused(reason, words));
          else this.#settle(this.#publishes, id, new MqttError(status, words || WORDS[status]));
        },
        answered: (reasons, id) => this.#settle(this.#answers, id, { reasons: reasons.slice(), remark: this.#takeRemark() }),
        remark: (fields) => {
          this.#remark = texts(fields);
        },
        connected: (packed) => {
          this.#connected = granted(packed);
          this.#closed = this.#why = undefined;
          this.#attempts = 0;
          this.#enter('connected');
          this.emit('connect', this.#connected);
        },
        ended: (fields, retryIn, code, reason) => {
          const end = ENDS[code] ?? 'stopped';
          const { reasonString = '', serverReference } = texts(fields);
          const error = new MqttError(end, reasonString, reason || undefined, serverReference);
          const closed = (this.#closed = { error, retryIn: retryIn < 0 ? undefined : retryIn });
          this.#why = undefined;
          this.#enter(retryIn < 0 ? 'closed' : 'waiting');
          this.emit('close', closed);
          if (end !== 'stopped') void this.#explain(closed);
        },
        lost: (filter, _number, _code, reason) =>
          this.emit('subscriptionlost', { filter: decoded(filter), error: MqttError.refused(reason) }),
        inDoubt: (both, _id, length, qos) => {
          const topic = decoded(both.subarray(0, length));
          this.emit('indoubt', { topic, payload: both.slice(length), qos: qos as Qos });
        },
        authenticate: (data, _number, step) => void this.#authenticate(step, data.slice()),
        failed: (words, _number, code) => {
          this.#failure = new MqttError(FAILURES[code] ?? 'invalid-argument', decoded(words));
        },
      }),
    };
  }

  /** A step of an authentication. Another that is asked for meanwhile, on another connection, takes its place. */
  async #authenticate(step: number, data: Uint8Array): Promise<void> {
    const by = this.#authentication!;
    const number = ++this.#steps;
    const isWanted = (): boolean => number === this.#steps && !this.#hasEnded;
    await undefined; // later: the module is at work
    try {
      const said = await (step === 0 ? by.begin() : step === 1 ? by.answer(data) : by.finish?.(data));
      if (isWanted()) this.#core.prove(bytes(said ?? ''));
    } catch (error) {
      const words = error instanceof Error ? error.message : `${error}`;
      if (isWanted()) this.#core.giveUp(encoded(words || 'the page does not go on'));
    }
  }

  /** Finds out why a connection has ended, as far as a page can. */
  async #explain(closed: Closed): Promise<void> {
    const { code } = closed.error;
    const asks = code === 'transport-closed' || code === 'connect-timeout';
    if (asks && this.#isProbing) return; // the answer to that is one to this
    this.#isProbing ||= asks;
    // Later in any case: the module is at work.
    const answer = await (asks ? probe(this.#address) : Promise.resolve(0));
    if (asks) this.#isProbing = false;
    if (this.#hasEnded || !this.#closed) return;
    const { protocol, hostname } = new URL(this.#address);
    const place = [
      protocol === 'wss:',
      /^(localhost|.*\.localhost|127\..*|\[::1\])$/.test(hostname),
      globalThis.location.protocol === 'https:',
      navigator.onLine,
    ];
    const bits = place.reduce((bits, is, at) => bits | (is ? 1 << at : 0), 0);
    const reason = REASONS[this.#core.reason(answer, bits)] ?? 'lost';
    const isSaid = closed.error.reason !== undefined;
    this.#why = { reason, words: (!isSaid && FOUND_OUT[reason]) || this.#closed.error.message };
    this.emit('why', this.#why);
  }
}

function packedFilters(filters: readonly string[]): Uint8Array {
  return pack(filters.map((filter) => [NAME.filter, filter] as const));
}

/** A path is one of the page's own host; http means the WebSocket beside it. */
function address(url: string): string {
  const found = URL.canParse(url, globalThis.location.href) ? new URL(url, globalThis.location.href) : undefined;
  if (found) found.protocol = found.protocol.replace('http', 'ws');
  if (found?.protocol !== 'ws:' && found?.protocol !== 'wss:') {
    throw new MqttError('invalid-address', `${url} is not a ws:// or wss:// address, which is all that browsers reach`);
  }
  found.hash = '';
  return found.href;
}

function subscribed(filter: string, reason: number, remark: Remark): SubscribeResult {
  if (reason < 3) return { filter, granted: true, qos: reason as Qos, reason, ...remark };
  return { filter, granted: false, reason, error: MqttError.refused(reason, remark.reasonString) };
}
