import type { Entry } from './record-items.ts';
import { APART } from './record-parts.ts';

/** A fact as it is printed: names as on the wire, times that never come as null. */
export type Described = Readonly<Record<string, unknown>>;

/** Receipts are never shown: whoever has one can settle a lease. */
const SECRET = ['receipt'];

/**
 * A journaled fact, for people and programs. Payloads are told by their length only unless asked for; `readApart` gets those that
 * are in files of their own, null where the file is gone.
 */
export function describe(
  { shard, item }: Entry,
  withPayload: boolean,
  readApart: (hash: string) => Uint8Array | null,
): Described {
  const told: Record<string, unknown> = { shard, fact: item.name };
  for (const [field, value] of Object.entries(item)) {
    if (field === 'name' || SECRET.includes(field)) continue;
    if (field !== 'payload') told[snake(field)] = plain(value);
    else if (item.name === 'sent') tellPayload(told, item, withPayload, readApart);
  }
  return told;
}

function tellPayload(
  told: Record<string, unknown>,
  { payload, payloadHash }: { readonly payload: Uint8Array; readonly payloadHash: string },
  withPayload: boolean,
  readApart: (hash: string) => Uint8Array | null,
): void {
  const apart = payload === APART;
  if (apart) told['payload_apart'] = true;
  else told['payload_bytes'] = payload.byteLength;
  if (!withPayload) return;
  const bytes = apart ? readApart(payloadHash) : payload;
  told['payload_b64'] = bytes === null ? null : Buffer.from(bytes).toString('base64');
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** JSON has no Infinity. */
function plain(value: unknown): unknown {
  if (value === Number.POSITIVE_INFINITY) return null;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [snake(name), plain(inner)]));
}
