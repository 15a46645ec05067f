/** Messages as they come out of the wasm module: taken apart only as far as somebody looks. Knows no connection. */

import { decoded, NAME, unpack } from './fields.js';

/** How surely a message arrives: at most once, at least once, exactly once. */
export type Qos = 0 | 1 | 2;

/** Name and value, in order; a name may come again. */
export type UserProperties = readonly (readonly [name: string, value: string])[];

/** The MQTT 5.0 properties of a message. */
export interface MessageProperties {
  /** The payload is UTF-8 text. */
  readonly payloadIsUtf8?: boolean;
  /** Seconds that the message has left. */
  readonly expiry?: number;
  /** Where an answer is to go. */
  readonly responseTopic?: string;
  /** What tells the asker which question is answered. */
  readonly correlationData?: Uint8Array;
  /** What the payload is, for instance a MIME type. */
  readonly contentType?: string;
  readonly userProperties?: UserProperties;
  /** The identifiers of the subscriptions that brought it. */
  readonly subscriptionIds?: readonly number[];
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const RETAIN = 1 << 2;
const DUP = 1 << 3;
const NEW_TOPIC = 1 << 4;
const PROPERTIES = 1 << 5;

const NONE: MessageProperties = Object.freeze({});

/** A message of the Server. */
export class Message {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #flags: number;
  readonly #length: number;
  readonly #properties: number;
  #payload: Uint8Array | undefined;

  /** @internal */
  constructor(
    /** Where it was published. */
    readonly topic: string,
    bytes: Uint8Array,
    start: number,
    length: number,
    flags: number,
    properties: number,
  ) {
    this.#bytes = bytes;
    this.#start = start;
    this.#length = length;
    this.#flags = flags;
    this.#properties = properties;
  }

  /**
   * What it says: a view on the bytes of its WebSocket frame, which is all kept in memory as long as one of its views is.
   * `slice()` makes a copy for what is kept for long.
   */
  get payload(): Uint8Array {
    return (this.#payload ??= this.#bytes.subarray(this.#start, this.#start + this.#length));
  }

  /** The payload as text. What is no UTF-8 becomes U+FFFD. */
  get text(): string {
    return decoded(this.payload);
  }

  /** The payload as JSON: check it before you rely on its form. Throws a `SyntaxError` where it is none. */
  json(): unknown {
    return JSON.parse(this.text);
  }

  /** The QoS it came with. */
  get qos(): Qos {
    return (this.#flags & 3) as Qos;
  }

  /** It was retained (or is as it was published, where that was asked for). */
  get retain(): boolean {
    return (this.#flags & RETAIN) !== 0;
  }

  /** The Server may have sent it before. At QoS 2 it still comes once. */
  get dup(): boolean {
    return (this.#flags & DUP) !== 0;
  }

  /** Its MQTT 5.0 properties. */
  get properties(): MessageProperties {
    const start = this.#start + this.#length;
    return this.#properties === 0 ? NONE : properties(this.#bytes.subarray(start, start + this.#properties));
  }
}

/** Takes apart what inbox.rs has packed; topics it has seen stay with it. */
export class Unpacker {
  readonly #topics: string[] = [];

  /** Gives each message to a function. */
  unpack(words: Uint32Array, packed: Uint8Array, take: (message: Message) => void): void {
    // Both are views on memory that moves as soon as whoever takes a message calls the module and it grows.
    const index = words.slice();
    const bytes = packed.slice();
    const topics = this.#topics;
    let at = 0;
    for (let i = 0; i < index.length; ) {
      const place = index[i]!;
      const flags = index[i + 1]!;
      const length = index[i + 2]!;
      i += 3;
      if (flags & NEW_TOPIC) {
        const end = at + index[i++]!;
        topics[place] = decoded(bytes.subarray(at, end));
        at = end;
      }
      const extra = flags & PROPERTIES ? index[i++]! : 0;
      const message = new Message(topics[place]!, bytes, at, length, flags, extra);
      at += length + extra;
      take(message);
    }
  }
}

function properties(packed: Uint8Array): MessageProperties {
  const found: Writable<MessageProperties> = {};
  const users: [string, string][] = [];
  const ids: number[] = [];
  unpack(packed, (name, bytes, number) => {
    switch (name) {
      case NAME.payloadIsUtf8:
        found.payloadIsUtf8 = number() === 1;
        break;
      case NAME.expiry:
        found.expiry = number();
        break;
      case NAME.responseTopic:
        found.responseTopic = decoded(bytes);
        break;
      case NAME.correlationData:
        found.correlationData = bytes.slice();
        break;
      case NAME.userName:
        users.push([decoded(bytes), '']);
        break;
      case NAME.userValue:
        users.at(-1)![1] = decoded(bytes);
        break;
      case NAME.contentType:
        found.contentType = decoded(bytes);
        break;
      case NAME.subscriptionId:
        ids.push(number());
        break;
    }
  });
  if (users.length > 0) found.userProperties = users;
  if (ids.length > 0) found.subscriptionIds = ids;
  return found;
}
