/** What can be asked for, and how it goes into the wasm module. Knows no connection. */

import type { InitInput, Pairs, Properties, Settings, Will } from './core.js';
import type { Qos, UserProperties } from './message.js';

/** Text, which goes as UTF-8, or any bytes. */
export type Payload = string | Uint8Array;

/** What a message may say beside its payload, in MQTT 5.0. */
export interface PublishProperties {
  /** The payload is UTF-8 text. */
  payloadIsUtf8?: boolean;
  /** Where an answer is to go. */
  responseTopic?: string;
  /** What tells the asker which question is answered. */
  correlationData?: Uint8Array;
  /** What the payload is, for instance a MIME type. */
  contentType?: string;
  userProperties?: UserProperties;
}

export interface PublishOptions {
  /** 0 when it is not said. */
  qos?: Qos;
  /** The Server keeps it for those who subscribe later. */
  retain?: boolean;
  /** Seconds after which it is worth nothing: it is not sent later, and the Server does not deliver it later. */
  expiry?: number;
  /**
   * What it does without a connection: it waits (`'wait'`, the usual), it fails at once (`'fail'`), or it waits so many
   * milliseconds and is then not sent, nor sent again.
   */
  offline?: 'wait' | 'fail' | number;
  properties?: PublishProperties;
  /** Rejects the Promise when it aborts. What has left already cannot be called back. */
  signal?: AbortSignal;
}

export interface SubscribeOptions {
  /** The highest QoS at which messages come; 0 when it is not said. */
  qos?: Qos;
  /** Not what this client has published itself. */
  noLocal?: boolean;
  /** `retain` of each message as it was published. */
  retainAsPublished?: boolean;
  /** Whether the retained messages that are there already come: always, only for a new subscription, or never. */
  retained?: 'send' | 'send-if-new' | 'do-not-send';
  /** From 1 to 268 435 455: comes back in `properties.subscriptionIds` of each message. */
  subscriptionId?: number;
  /** Rejects the Promise when it aborts, and takes the subscription back. */
  signal?: AbortSignal;
}

/** Published by the Server when the connection ends without a goodbye. */
export interface WillOptions {
  topic: string;
  payload: Payload;
  qos?: Qos;
  retain?: boolean;
  /** Seconds between the end of the connection and the publication. */
  delay?: number;
  /** Seconds the message lives. */
  expiry?: number;
  properties?: PublishProperties;
}

export interface ConnectOptions {
  /** The version to begin with: 5 (5.0, the usual), 4 (3.1.1) or 3 (3.1). */
  version?: 5 | 4 | 3;
  /** When a Server refuses 5.0, go on with 3.1.1. On, if it is not said. */
  fallBack?: boolean;
  /** A random one when it is not said. No two pages may have the same at once. */
  clientId?: string;
  /** Begin with an empty Session; the usual. */
  clean?: boolean;
  /** Seconds; 0 for none. 30 when it is not said. */
  keepAlive?: number;
  username?: string;
  password?: Payload;
  will?: WillOptions;
  /** Seconds that the Server keeps the Session after the connection; `Infinity` for ever. 0 when it is not said. */
  sessionExpiry?: number;
  /** QoS 1 and 2 messages that may be on their way to us at once. */
  receiveMaximum?: number;
  /** Bytes of the largest packet that is taken. 1 MiB when it is not said. */
  maxPacketBytes?: number;
  /** Ask the Server for the basis of Response Topics, which `request` then uses. */
  requestResponseInformation?: boolean;
  /** User properties of CONNECT. */
  userProperties?: UserProperties;
  /** Milliseconds until an attempt to connect counts as failed. */
  connectTimeout?: number;
  /** Messages that may wait to be sent. 1000 when it is not said. */
  maxQueuedMessages?: number;
  /** Bytes that may wait to be sent. 4 MiB when it is not said. */
  maxQueuedBytes?: number;
  /** Go on when the first attempt fails in a way that waiting may cure, instead of rejecting. */
  waitForServer?: boolean;
  /** Gives up connecting, or ends the client, when it aborts. */
  signal?: AbortSignal;
  /** Where `core_bg.wasm` is, or what is in it. Beside this module when it is not said. */
  wasm?: InitInput;
}

const encoder = new TextEncoder();

export function bytes(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? encoder.encode(payload) : payload;
}

/** The properties of a message in the form of the wasm module; none when nothing is asked for. */
export function packed(asked: PublishProperties | undefined, expiry: number | undefined): Properties | undefined {
  if (asked === undefined && expiry === undefined) return undefined;
  const { userProperties, ...others } = asked ?? {};
  return { ...others, ...(expiry !== undefined && { expiry }), userProperties: flat(userProperties) };
}

/** The byte of a subscription (3.8.3.1). */
export function packedSubscription(asked: SubscribeOptions): number {
  const retained = { send: 0, 'send-if-new': 1, 'do-not-send': 2 }[asked.retained ?? 'send'];
  return (asked.qos ?? 0) | (asked.noLocal ? 4 : 0) | (asked.retainAsPublished ? 8 : 0) | (retained << 4);
}

export function settings(asked: ConnectOptions): Settings {
  const { password, will, sessionExpiry, userProperties, signal: _signal, wasm: _wasm, waitForServer: _wait, ...same } = asked;
  return {
    ...same,
    userProperties: flat(userProperties),
    ...(password !== undefined && { password: bytes(password) }),
    ...(will && { will: packedWill(will) }),
    ...(sessionExpiry !== undefined && { sessionExpiry: Math.min(sessionExpiry, 0xffff_ffff) }),
  };
}

function packedWill({ payload, expiry, properties, ...same }: WillOptions): Will {
  const extra = packed(properties, expiry);
  return { ...same, payload: bytes(payload), ...(extra && { properties: extra }) };
}

function flat(pairs: UserProperties | undefined): Pairs {
  return (pairs ?? []).flat();
}
