/** What the wasm module tells, in the order of host.rs, which says what the rest of it means. */
const KINDS = [
  'attempt',
  'notStored',
  'reauthenticated',
  'published',
  'answered',
  'remark',
  'connected',
  'ended',
  'lost',
  'inDoubt',
  'authenticate',
  'failed',
] as const;

export type Kind = (typeof KINDS)[number];

/** Takes one kind of what is told. */
export type Take = (bytes: Uint8Array, number: number, code: number, reason: number) => void;

/** Gives each kind to the function of its name. */
export function told(takes: Record<Kind, Take>): (...told: [kind: number, number: number, code: number, reason: number, bytes: Uint8Array]) => void {
  return (kind, number, code, reason, bytes) => takes[KINDS[kind]!](bytes, number, code, reason);
}
