/**
 * Switchboard's MQTT client for the browser: MQTT 5.0 and 3.1.1 over WebSocket, in a wasm module.
 *
 * ```js
 * import { connect } from 'switchboard-mqtt';
 *
 * const client = await connect('wss://broker.example/mqtt');
 * client.on('message', ({ topic, text }) => console.log(topic, text));
 * await client.subscribe('home/#');
 * await client.publish('home/lamp/set', 'ON', { qos: 1, expiry: 5 });
 * ```
 */

import { Client, type Closed, type Why } from './client.js';
import { Core, initSync, reasonText, type Host, type InitInput } from './core.js';
import { MqttError, useWords } from './errors.js';
import { compiled } from './load.js';
import type { ConnectOptions } from './options.js';

export { Client } from './client.js';
export type {
  ClientEvents,
  Closed,
  InDoubt,
  LinkState,
  Outcome,
  SubscribeResult,
  Subscription,
  SubscriptionLost,
  Why,
} from './client.js';
export { MqttError, type ErrorCode, type Reason } from './errors.js';
export type { Connected, Remark } from './granted.js';
export type { Inbox, MessagesOptions } from './iterate.js';
export { Message, type MessageProperties, type Qos, type UserProperties } from './message.js';
export type {
  Authentication,
  ConnectOptions,
  Payload,
  PublishOptions,
  PublishProperties,
  SubscribeOptions,
  WillOptions,
} from './options.js';
export type { RequestOptions } from './requests.js';

let loading: Promise<unknown> | undefined;

/** Loads the wasm module, once. {@link connect} does it by itself; earlier is faster. */
export async function load(wasm: InitInput = new URL('core_bg.wasm', import.meta.url)): Promise<void> {
  loading ??= compiled(wasm).then((module) => initSync({ module }));
  try {
    await loading;
    useWords(reasonText);
  } catch (error) {
    loading = undefined;
    throw error;
  }
}

type Make = (address: Uint8Array, settings: Uint8Array, host: Host) => Core | undefined;

/** The module that the options need, loaded. */
async function module({ durable = false, wasm }: ConnectOptions): Promise<Make> {
  if (durable === false) {
    await load(wasm);
    return (address, settings, host) => Core.open(address, settings, host);
  }
  const prefix = durable === true ? 'js' : durable;
  if (!/^[A-Za-z0-9]{1,12}$/.test(prefix)) {
    throw new MqttError('invalid-argument', 'the beginning of a client identifier is of 1 to 12 letters and digits');
  }
  const larger = await import('./durable.js');
  const make = await larger.open(prefix, wasm);
  useWords(larger.reasonText);
  return make;
}

/**
 * Connects to a `ws://` or `wss://` address, and keeps that up until {@link Client.end}. A path alone, as `/mqtt`, is one of
 * the page's own host.
 *
 * Rejected with an {@link MqttError} when the first attempt fails, unless `waitForServer` says to go on: its code is the
 * {@link Reason}, as far as that can be found out. Later ones are told by the events `close` and `why`.
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<Client> {
  const { signal, waitForServer = false } = options;
  signal?.throwIfAborted();
  const make = await module(options);
  signal?.throwIfAborted();
  const client = new Client(String(url), options, make);
  return new Promise((resolve, reject) => {
    const give = (error: unknown): void => {
      done();
      client.end();
      reject(error);
    };
    const opened = (): void => {
      done();
      signal?.addEventListener('abort', () => client.end(), { once: true });
      resolve(client);
    };
    const isOver = ({ retryIn }: Closed): boolean => !waitForServer || retryIn === undefined;
    const closed = (closed: Closed): void => {
      if (closed.error.code === 'stopped') give(closed.error);
    };
    // Comes after each `close` that nobody has asked for.
    const why = ({ reason, words }: Why): void => {
      const { closed } = client;
      if (!closed || !isOver(closed)) return;
      give(new MqttError(reason, words, closed.error.reason, closed.error.serverReference));
    };
    const aborted = (): void => give(signal?.reason);
    const done = (): void => {
      client.off('connect', opened).off('close', closed).off('why', why);
      signal?.removeEventListener('abort', aborted);
    };
    client.on('connect', opened).on('close', closed).on('why', why);
    signal?.addEventListener('abort', aborted, { once: true });
  });
}
