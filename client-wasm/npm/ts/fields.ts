/** Named values on their way into the wasm module and out of it: fields.rs says how. Knows no connection. */

import type { UserProperties } from './message.js';

/** The names, as fields.rs has them: numbers, when this is a program. */
export const enum NAME {
  payloadIsUtf8 = 1,
  expiry = 2,
  responseTopic = 3,
  correlationData = 4,
  userName = 5,
  userValue = 6,
  contentType = 7,
  subscriptionId = 8,
  filter = 9,
  clientId = 10,
  responseInformation = 11,
  reasonString = 12,
  version = 13,
  fallBack = 14,
  clean = 15,
  keepAlive = 16,
  username = 17,
  password = 18,
  sessionExpiry = 19,
  receiveMaximum = 20,
  maxPacketBytes = 21,
  requestResponseInformation = 22,
  connectTimeout = 23,
  maxQueuedMessages = 24,
  maxQueuedBytes = 25,
  authenticationMethod = 26,
  willTopic = 27,
  willPayload = 28,
  willQos = 29,
  willRetain = 30,
  willDelay = 31,
  willProperties = 32,
  serverReference = 33,
}

export type Value = string | number | boolean | Uint8Array | undefined;
export type Fields = (readonly [name: number, value: Value])[];

const encoder = new TextEncoder();
/** U+FEFF is a character like any other [MQTT-1.5.4-3]. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function encoded(text: string): Uint8Array {
  return encoder.encode(text);
}

export function decoded(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Puts fields behind one another; those without a value are left out. */
export function pack(fields: Fields): Uint8Array {
  const parts: [name: number, bytes: Uint8Array][] = [];
  let length = 0;
  for (const [name, value] of fields) {
    if (value === undefined) continue;
    const bytes = typeof value === 'string' ? encoded(value) : typeof value === 'object' ? value : number(+value);
    parts.push([name, bytes]);
    length += 5 + bytes.length;
  }
  const packed = new Uint8Array(length);
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const [name, bytes] of parts) {
    packed[at] = name;
    view.setUint32(at + 1, bytes.length, true);
    packed.set(bytes, at + 5);
    at += 5 + bytes.length;
  }
  return packed;
}

/** What is larger or smaller than four bytes say is the largest or smallest that they say. */
function number(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, Math.min(Math.max(value, 0), 0xffff_ffff), true);
  return bytes;
}

/** Gives each field to a function; its bytes are a view. */
export function unpack(packed: Uint8Array, take: (name: number, bytes: Uint8Array, number: () => number) => void): void {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  for (let at = 0; at < packed.length; ) {
    const start = at + 5;
    const end = start + view.getUint32(at + 1, true);
    take(view.getUint8(at), packed.subarray(start, end), () => view.getUint32(start, true));
    at = end;
  }
}

export function pairs(list: UserProperties | undefined): Fields {
  return (list ?? []).flatMap(([name, value]): Fields => [
    [NAME.userName, name],
    [NAME.userValue, value],
  ]);
}
