/** The client: Promises, events and requests over the wasm module, which does all of MQTT. */

import { Core, type Host } from './core.js';
import { Emitter } from './emitter.js';
import { MqttError } from './errors.js';
import { Inbox, type MessagesOptions } from './iterate.js';
import { Message, Unpacker, type Qos, type UserProperties } from './message.js';
import {
  bytes,
  packed,
  packedSubscription,
  settings,
  type ConnectOptions,
  type Payload,
  type PublishOptions,
  type SubscribeOptions,
} from './options.js';
import { Requests, type RequestOptions } from './requests.js';

/**
 * How things stand: the first attempt is made, the Server has accepted, further attempts are waited for or made, nothing more
 * happens by itself.
 */
export type LinkState = 'connecting' | 'connected' | 'waiting' | 'closed';

/** What the Server granted. */
export interface Connected {
  readonly sessionPresent: boolean;
  /** 5 for MQTT 5.0, 4 for 3.1.1, 3 for 3.1. */
  readonly version: number;
  readonly clientId: string;
  /** Seconds, 0 for none. */
  readonly keepAlive: number;
  /** Seconds that the Server keeps the Session. */
  readonly sessionExpiry: number;
  readonly receiveMaximum: number;
  readonly maximumQos: Qos;
  readonly retainAvailable: boolean;
  readonly maxPacketBytes: number | undefined;
  readonly wildcardSubscriptionAvailable: boolean;
  readonly subscriptionIdAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
  /** Topic aliases that the Server takes. */
  readonly topicAliasMaximum: number;
  readonly responseInformation: string | undefined;
  readonly reasonString: string | undefined;
  readonly userProperties: UserProperties;
}

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

export interface ClientEvents {
  message: Message;
  connect: Connected;
  close: Closed;
  state: LinkState;
  subscriptionlost: SubscriptionLost;
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

/** What the Server said beside its reason. */
export interface Remark {
  readonly reasonString?: string;
  readonly userProperties?: UserProperties;
}

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

  /** @internal */
  constructor(url: string, options: ConnectOptions) {
    super();
    this.#core = new Core(address(url), settings(options), this.#host());
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

  /** The client identifier, once it is known. */
  get clientId(): string {
    return this.#connected?.clientId ?? '';
  }

  /**
   * Publishes. The Promise is fulfilled when the message has done all that its QoS promises, and rejected with an
   * {@link MqttError} when it has not.
   */
  publish(topic: string, payload: Payload, options: PublishOptions = {}): Promise<Outcome> {
    const { qos = 0, retain = false, offline = 'wait', expiry, properties, signal } = options;
    const patience = offline === 'wait' ? -1 : offline === 'fail' ? 0 : offline;
    return this.#wait(this.#publishes, signal, () => {
      const id = this.#core.publish(topic, bytes(payload), qos, retain, patience, packed(properties, expiry));
      return [id, () => void this.#core.cancel(id)];
    });
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
      const id = this.#core.subscribe(filters, packedSubscription(options), options.subscriptionId ?? 0);
      return [id, () => void this.#core.unsubscribe(filters)];
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
    const answer = await this.#wait(this.#answers, options.signal, () => [this.#core.unsubscribe(filters), () => {}]);
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
      } catch (error) {
        this.#leave(outer, early);
        throw error;
      }
      const abort = (): void => {
        waiting.delete(id);
        cancel();
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
      const release = (): void => signal?.removeEventListener('abort', abort);
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
      published: (id, outcome, reason, text) => {
        const status = OUTCOMES[outcome] ?? 'impossible';
        const remark = this.#takeRemark();
        if (status === 'sent') this.#settle(this.#publishes, id, { status });
        else if (status === 'acknowledged') this.#settle(this.#publishes, id, { status, reason, ...remark });
        else if (status === 'refused') this.#settle(this.#publishes, id, MqttError.refused(reason, text));
        else this.#settle(this.#publishes, id, new MqttError(status, text ?? WORDS[status]));
      },
      answered: (id, reasons) => this.#settle(this.#answers, id, { reasons, remark: this.#takeRemark() }),
      remark: (_id, text, flat) => {
        const pairs = inPairs(flat);
        this.#remark = {
          ...(text !== undefined && { reasonString: text }),
          ...(pairs.length > 0 && { userProperties: pairs }),
        };
      },
      connected: (numbers, clientId, responseInformation, reasonString, pairs) => {
        const texts = { clientId, responseInformation, reasonString, userProperties: inPairs(pairs) };
        this.#connected = granted(numbers, texts);
        this.#closed = undefined;
        this.#enter('connected');
        this.emit('connect', this.#connected);
      },
      ended: (code, reason, text, reference, retryIn) => {
        const error = new MqttError(code, text, reason === 0 ? undefined : reason, reference);
        this.#closed = { error, retryIn: retryIn < 0 ? undefined : retryIn };
        this.#enter(retryIn < 0 ? 'closed' : 'waiting');
        this.emit('close', this.#closed);
      },
      lost: (filter, reason) => this.emit('subscriptionlost', { filter, error: MqttError.refused(reason) }),
      error: (code, text) => new MqttError(code, text),
    };
  }
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

/** The numbers in the order of tell.rs. */
function granted(
  numbers: Uint32Array,
  texts: Pick<Connected, 'clientId' | 'responseInformation' | 'reasonString' | 'userProperties'>,
): Connected {
  const [present, version, keepAlive, expiry, receiveMaximum, qos, retain, maxPacketBytes, available, aliases] = [
    ...numbers,
  ] as [number, number, number, number, number, number, number, number, number, number];
  return {
    sessionPresent: present === 1,
    version,
    keepAlive,
    sessionExpiry: expiry === 0xffff_ffff ? Infinity : expiry,
    receiveMaximum,
    maximumQos: qos as Qos,
    retainAvailable: retain === 1,
    maxPacketBytes: maxPacketBytes || undefined,
    wildcardSubscriptionAvailable: (available & 1) !== 0,
    subscriptionIdAvailable: (available & 2) !== 0,
    sharedSubscriptionAvailable: (available & 4) !== 0,
    topicAliasMaximum: aliases,
    ...texts,
  };
}

function inPairs(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let n = 0; n + 1 < flat.length; n += 2) pairs.push([flat[n]!, flat[n + 1]!]);
  return pairs;
}
