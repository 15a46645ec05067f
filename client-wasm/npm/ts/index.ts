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

import { Client, type Closed } from './client.js';
import init, { type InitInput } from './core.js';
import type { ConnectOptions } from './options.js';

export { Client } from './client.js';
export type {
  ClientEvents,
  Closed,
  Connected,
  LinkState,
  Outcome,
  Remark,
  SubscribeResult,
  Subscription,
  SubscriptionLost,
} from './client.js';
export { MqttError, type ErrorCode } from './errors.js';
export type { Inbox, MessagesOptions } from './iterate.js';
export { Message, type MessageProperties, type Qos, type UserProperties } from './message.js';
export type { ConnectOptions, Payload, PublishOptions, PublishProperties, SubscribeOptions, WillOptions } from './options.js';
export type { RequestOptions } from './requests.js';

let loading: Promise<unknown> | undefined;

/** Loads the wasm module, once. {@link connect} does it by itself; earlier is faster. */
export async function load(wasm?: InitInput): Promise<void> {
  loading ??= init(wasm === undefined ? undefined : { module_or_path: wasm });
  try {
    await loading;
  } catch (error) {
    loading = undefined;
    throw error;
  }
}

/**
 * Connects to a `ws://` or `wss://` address, and keeps that up until {@link Client.end}. A path alone, as `/mqtt`, is one of
 * the page's own host.
 *
 * Rejected with an {@link MqttError} when the first attempt fails, unless `waitForServer` says to go on; later ones are told
 * by the event `close`.
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<Client> {
  const { signal, waitForServer = false } = options;
  signal?.throwIfAborted();
  await load(options.wasm);
  signal?.throwIfAborted();
  const client = new Client(String(url), options);
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
    const closed = ({ error, retryIn }: Closed): void => {
      if (!waitForServer || retryIn === undefined) give(error);
    };
    const aborted = (): void => give(signal?.reason);
    const done = (): void => {
      client.off('connect', opened).off('close', closed);
      signal?.removeEventListener('abort', aborted);
    };
    client.on('connect', opened).on('close', closed);
    signal?.addEventListener('abort', aborted, { once: true });
    if (client.closed) closed(client.closed); // an address the browser does not take at all
  });
}
