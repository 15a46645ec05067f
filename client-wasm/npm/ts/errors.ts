/** What is thrown, and what a Promise is rejected with. Knows no connection. */

import { decoded } from './fields.js';

/** Why a connection, or the attempt at one, ended; in the order of tell.rs. */
export const ENDS = [
  'stopped',
  'refused',
  'disconnected',
  'taken-over',
  'connect-timeout',
  'ping-timeout',
  'transport-closed',
  'unsendable',
  'unauthentic',
  'malformed',
  'protocol-error',
] as const;

/** Why a call is not even tried; in the order of host.rs. */
export const FAILURES = [
  'invalid-topic',
  'invalid-argument',
  'not-connected',
  'queue-full',
  'qos-not-supported',
  'retain-not-supported',
  'too-large',
] as const;

/** In the order of reason.rs of the client. */
export const REASONS = [
  'stopped',
  'offline',
  'mixed-content',
  'unreachable',
  'no-connection',
  'tls-untrusted',
  'wrong-path',
  'not-a-broker',
  'origin-refused',
  'not-taken',
  'server-busy',
  'bad-credentials',
  'not-authorized',
  'bad-authentication-method',
  'server-unproven',
  'banned',
  'bad-client-id',
  'unsupported-version',
  'moved',
  'refused',
  'taken-over',
  'shutting-down',
  'administrative-action',
  'keep-alive-timeout',
  'packet-too-large',
  'too-busy',
  'disconnected',
  'no-answer',
  'silent',
  'lost',
  'protocol-error',
  'unsendable',
] as const;

/** Why there is no connection: what the Server said, or what the browser lets be found out. */
export type Reason = (typeof REASONS)[number];

/** What is not said by the Server, in words. */
export const FOUND_OUT: Partial<Record<Reason, string>> = {
  offline: 'this device has no network',
  'mixed-content': 'the browser does not let a page that came by https use a ws:// address',
  unreachable: 'nothing answers at this address, or nothing whose certificate this browser trusts',
  'no-connection': 'the connection could not be opened',
  'tls-untrusted': 'the server answers, but has no certificate that this browser trusts',
  'wrong-path': 'the server has nothing at this path',
  'not-a-broker': 'what answers there does not speak MQTT',
  'origin-refused': 'the server does not take pages from where this one came',
  'not-taken': 'the server answers, but opens no WebSocket there: a wrong path, or a proxy that does not pass them on',
  'server-busy': 'the server takes no more connections at present',
  lost: 'the connection was lost',
};

/** What went wrong, for a program. */
export type ErrorCode =
  | (typeof ENDS)[number]
  | (typeof FAILURES)[number]
  | Reason
  /** The browser reaches no such address. */
  | 'invalid-address'
  /** The Server does not want it; `reason` says why. */
  | 'refused'
  /** Its time was over. It may have arrived all the same if it was on its way. */
  | 'expired'
  /** It waited for its turn when the connection was lost, and was not to wait longer. */
  | 'link-lost'
  /** It was on its way when the connection was lost, and the Server has forgotten it: nobody can say whether it arrived. */
  | 'session-lost'
  /** The Server that was connected to in the end cannot take it. */
  | 'impossible'
  /** It was taken back before it was sent. */
  | 'cancelled'
  /** Only MQTT 5.0 can do this. */
  | 'needs-mqtt-5'
  /** No answer came in time. */
  | 'timeout'
  /** The client was ended. */
  | 'ended';

let reasonText: ((reason: number) => Uint8Array) | undefined;

/** @internal Which module knows the words of the standard. */
export function useWords(words: (reason: number) => Uint8Array): void {
  reasonText = words;
}

/** An error of this package. */
export class MqttError extends Error {
  override readonly name = 'MqttError';

  constructor(
    /** What went wrong, for a program. */
    readonly code: ErrorCode,
    message: string,
    /** The Reason Code of the Server (5.0, 2.4), where it gave one. */
    readonly reason?: number,
    /** The other Server that it named. */
    readonly serverReference?: string,
  ) {
    super(message);
  }

  /** The Server has refused something. */
  static refused(reason: number, words?: string): MqttError {
    const meaning = reasonText ? decoded(reasonText(reason)) : String(reason);
    return new MqttError('refused', words ? `${meaning}: ${words}` : meaning, reason);
  }
}
