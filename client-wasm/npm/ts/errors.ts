/** What is thrown, and what a Promise is rejected with. Knows no connection. */

import { reasonText, type EndCode, type FailureCode } from './core.js';

/** What went wrong, for a program. */
export type ErrorCode =
  | EndCode
  | FailureCode
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
    const meaning = reasonText(reason);
    return new MqttError('refused', words ? `${meaning}: ${words}` : meaning, reason);
  }
}
