/** Sessions that outlive their page: the larger module, loaded by those who ask for it. */

import init, { Core, Session, reasonText, type InitInput } from './durable_core.js';
import type { Core as Plain, Host } from './core.js';

export { reasonText };

let loading: Promise<unknown> | undefined;

/** Finds the Session of this tab, and says how its client is made. */
export async function open(
  prefix: string,
  wasm: InitInput | undefined,
): Promise<(address: string, settings: Uint8Array, host: Host) => Plain> {
  loading ??= init(wasm === undefined ? undefined : { module_or_path: wasm });
  try {
    await loading;
  } catch (error) {
    loading = undefined;
    throw error;
  }
  const session = await Session.open(prefix);
  return (address, settings, host) => Core.durable(address, settings, host, session);
}
