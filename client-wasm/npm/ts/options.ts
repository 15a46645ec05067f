/** What can be asked for, and how it goes into the wasm module. Knows no connection. */

import type { ClientEvents } from './client.js';
import type { InitInput } from './core.js';
import { encoded, NAME, pack, pairs, type Fields } from './fields.js';
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
  /**
   * Milliseconds after which it is worth nothing, for commands: it waits for a connection so long, is neither sent nor sent
   * again afterwards, overtakes what has no deadline on a slow connection, expires on the Server too, and the Promise is
   * rejected with `expired` at that time at the latest. In place of `offline`, and of `expiry` where that is not said.
   */
  deadline?: number;
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

/**
 * An enhanced authentication (5.0, 4.12). Each step gives its bytes at once or by a Promise, as WebCrypto does, within the
 * connect timeout. One that throws or is rejected gives up.
 */
export interface Authentication {
  /** The name of the method, for instance `SCRAM-SHA-256`. */
  method: string;
  /** Begins an exchange: the data of CONNECT. Forgets one that is under way. */
  begin(): Payload | Promise<Payload>;
  /** Answers what the Server says. */
  answer(data: Uint8Array): Payload | Promise<Payload>;
  /** Takes what the Server said last. Before it has ended the Server is believed nothing. */
  finish?(data: Uint8Array): void | Promise<void>;
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
  /** Proves who connects. */
  authentication?: Authentication;
  /**
   * Keeps the Session in IndexedDB: its client identifier, subscriptions, messages under way in both directions and messages
   * that wait outlive a reload or a crash of the page, and no two tabs share one. A text is the beginning of the client
   * identifier, in place of `clientId`. Say `sessionExpiry`, so that the Server keeps its side. Loads a second, larger module.
   */
  durable?: boolean | string;
  /** Messages that may wait to be sent. 1000 when it is not said. */
  maxQueuedMessages?: number;
  /** Bytes that may wait to be sent. 4 MiB when it is not said. */
  maxQueuedBytes?: number;
  /**
   * Listeners from the very beginning. A Server that has kept messages sends them with its acceptance, before `connect` is
   * fulfilled: whoever resumes a Session listens here.
   */
  on?: { [K in keyof ClientEvents]?: (event: ClientEvents[K]) => void };
  /** Go on when the first attempt fails in a way that waiting may cure, instead of rejecting. */
  waitForServer?: boolean;
  /** Gives up connecting, or ends the client, when it aborts. */
  signal?: AbortSignal;
  /** Where `core_bg.wasm` is (`durable_core_bg.wasm` for `durable`), or what is in it. Beside this module when it is not said. */
  wasm?: InitInput;
}

export function bytes(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? encoded(payload) : payload;
}

/** The properties of a message. */
export function properties(asked: PublishProperties = {}, expiry?: number): Uint8Array {
  return pack([
    [NAME.payloadIsUtf8, asked.payloadIsUtf8],
    [NAME.expiry, expiry],
    [NAME.responseTopic, asked.responseTopic],
    [NAME.correlationData, asked.correlationData],
    [NAME.contentType, asked.contentType],
    ...pairs(asked.userProperties),
  ]);
}

/** The byte of a subscription (3.8.3.1). */
export function packedSubscription(asked: SubscribeOptions): number {
  const retained = { send: 0, 'send-if-new': 1, 'do-not-send': 2 }[asked.retained ?? 'send'];
  return (asked.qos ?? 0) | (asked.noLocal ? 4 : 0) | (asked.retainAsPublished ? 8 : 0) | (retained << 4);
}

export function settings(asked: ConnectOptions): Uint8Array {
  const { password, will, authentication } = asked;
  const same = [
    [NAME.version, 'version'],
    [NAME.fallBack, 'fallBack'],
    [NAME.clientId, 'clientId'],
    [NAME.clean, 'clean'],
    [NAME.keepAlive, 'keepAlive'],
    [NAME.username, 'username'],
    [NAME.sessionExpiry, 'sessionExpiry'],
    [NAME.receiveMaximum, 'receiveMaximum'],
    [NAME.maxPacketBytes, 'maxPacketBytes'],
    [NAME.requestResponseInformation, 'requestResponseInformation'],
    [NAME.connectTimeout, 'connectTimeout'],
    [NAME.maxQueuedMessages, 'maxQueuedMessages'],
    [NAME.maxQueuedBytes, 'maxQueuedBytes'],
  ] as const;
  return pack([
    ...same.map(([name, option]): Fields[number] => [name, asked[option]]),
    [NAME.password, password === undefined ? undefined : bytes(password)],
    [NAME.authenticationMethod, authentication?.method],
    ...pairs(asked.userProperties),
    ...(will ? packedWill(will) : []),
  ]);
}

function packedWill(will: WillOptions): Fields {
  return [
    [NAME.willTopic, will.topic],
    [NAME.willPayload, bytes(will.payload)],
    [NAME.willQos, will.qos],
    [NAME.willRetain, will.retain],
    [NAME.willDelay, will.delay],
    [NAME.willProperties, properties(will.properties, will.expiry)],
  ];
}
