/** Sessions that outlive their page: the larger module, loaded by those who ask for it. */

import { Core, initSync, Session, reasonText, type InitInput } from './durable_core.js';
import type { Core as Plain, Host } from './core.js';
import { encoded } from './fields.js';
import { compiled } from './load.js';

export { reasonText };

let loading: Promise<unknown> | undefined;

/** Finds the Session of this tab, and says how its client is made. */
export async function open(
  prefix: string,
  wasm: InitInput = new URL('durable_core_bg.wasm', import.meta.url),
): Promise<(address: Uint8Array, settings: Uint8Array, host: Host) => Plain | undefined> {
  loading ??= compiled(wasm).then((module) => initSync({ module }));
  try {
    await loading;
  } catch (error) {
    loading = undefined;
    throw error;
  }
  const session = await Session.open(encoded(prefix));
  return (address, settings, host) => Core.durable(address, settings, host, session);
}
