/** The wasm module, from wherever it comes. Knows nothing of what is in it. */

import type { InitInput } from './core.js';

/** The module at an address, in a response, or in these bytes, compiled. */
export async function compiled(wasm: InitInput | Promise<InitInput>): Promise<WebAssembly.Module> {
  const source = await wasm;
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return WebAssembly.compile(source);
  const response = source instanceof Response ? source : await fetch(source);
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
  // Compiling while it comes asks for its type, which not every server knows.
  return response.headers.get('Content-Type') === 'application/wasm'
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}
