/** What a Server grants, and what it says beside: taken apart. Knows no connection. */

import { decoded, NAME, unpack } from './fields.js';
import type { Qos, UserProperties } from './message.js';

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

/** What the Server said beside its reason. */
export interface Remark {
  readonly reasonString?: string;
  readonly userProperties?: UserProperties;
}

/** Ten numbers of four bytes, in the order of tell.rs, and fields. */
export function granted(packed: Uint8Array): Connected {
  const [present, version, keepAlive, expiry, receiveMaximum, qos, retain, maxPacketBytes, available, aliases] = [
    ...new Uint32Array(packed.slice(0, 40).buffer),
  ] as [number, number, number, number, number, number, number, number, number, number];
  const { clientId = '', responseInformation, reasonString, userProperties = [] } = texts(packed.subarray(40));
  return {
    sessionPresent: present === 1,
    version,
    clientId,
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
    responseInformation,
    reasonString,
    userProperties,
  };
}

/** What is said in words. */
interface Texts {
  clientId?: string;
  responseInformation?: string;
  serverReference?: string;
  reasonString?: string;
  userProperties?: [string, string][];
}

/** Takes texts out of fields. */
export function texts(fields: Uint8Array): Texts {
  const found: Texts = {};
  unpack(fields, (name, bytes) => {
    const text = decoded(bytes);
    if (name === NAME.clientId) found.clientId = text;
    else if (name === NAME.responseInformation) found.responseInformation = text;
    else if (name === NAME.reasonString) found.reasonString = text;
    else if (name === NAME.serverReference) found.serverReference = text;
    else if (name === NAME.userName) (found.userProperties ??= []).push([text, '']);
    else if (name === NAME.userValue) found.userProperties!.at(-1)![1] = text;
  });
  return found;
}
