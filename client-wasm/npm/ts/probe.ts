/** Asking a broker's host by HTTP, for a WebSocket that fails does not say why. Knows no connection. */

/** Answers beside HTTP statuses, as `explain` of lib.rs reads them. */
const NOT_ASKED = 0;
const SILENT = 1;
const UNREADABLE = 2;
const WITHOUT_TLS = 3;
const UPGRADE_REQUIRED = 426;

/** What the host says at the path of its WebSocket. Asks nothing that a page may not ask. */
export async function probe(address: string): Promise<number> {
  const url = new URL(address.replace(/^ws/, 'http'));
  const isOwn = url.origin === globalThis.location.origin;
  let isForbidden = false;
  const forbid = (): void => void (isForbidden = true);
  const target: EventTarget = globalThis.document ?? globalThis;
  target.addEventListener('securitypolicyviolation', forbid);
  try {
    const status = await ask(url, {});
    if (status === UPGRADE_REQUIRED && isOwn) {
      // A page of its own origin says where it comes from by POST only.
      return (await ask(url, { method: 'POST' })) === 403 ? 403 : status;
    }
    if (status !== undefined) return status;
    if (isForbidden) return NOT_ASKED;
    if (isOwn) return SILENT;
    // An answer that this page may not read is an answer.
    if ((await ask(url, { mode: 'no-cors' })) !== undefined) return UNREADABLE;
    const plain = new URL(url.href.replace(/^https/, 'http'));
    const answersPlainly = url.protocol === 'https:' && (await ask(plain, { mode: 'no-cors' })) !== undefined;
    return answersPlainly ? WITHOUT_TLS : SILENT;
  } finally {
    target.removeEventListener('securitypolicyviolation', forbid);
  }
}

async function ask(url: URL, how: RequestInit): Promise<number | undefined> {
  try {
    return (await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(3_000), ...how })).status;
  } catch {
    return undefined;
  }
}
