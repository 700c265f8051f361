import { type CapabilityConstants, STAGES } from './capability-constants.ts';
import type { CapabilityNode } from './capability-node.ts';

/** A tick: what a refused token is remembered for, so that all times of a model are whole ticks. */
export const TICK_MS = 5_000;

/** What there is in a state of the driver. */
export interface CapabilityWorld {
  readonly nowMs: number;
  readonly tokens: readonly ({ readonly token: string; readonly key: number; readonly endMs: number } | undefined)[];
  /** When each key left the keyring. */
  readonly retiredMs: readonly (number | undefined)[];
  readonly nodes: readonly CapabilityNode[];
}

/** A number as a byte (`values.ts`). */
const number = (value: number): number => value + 1;

/**
 * The projection: what the variables of `tla/Capability.tla` are in this state of the code. What is over is 0, as there.
 * `CAPABILITY_FIELDS` says which field is where.
 */
export function projectCapabilities(world: CapabilityWorld, c: CapabilityConstants, into: Uint8Array): void {
  const { nowMs, tokens, nodes } = world;
  const things = c.Nonces + c.Keys;
  const left = (untilMs: number): number => number(untilMs > nowMs ? Math.ceil((untilMs - nowMs) / TICK_MS) : 0);
  let at = 0;
  const put = (byte: number): void => {
    into[at++] = byte;
  };
  for (let t = 1; t <= c.T; t++) {
    const token = tokens[t];
    put(token === undefined ? number(-1) : left(token.endMs));
  }
  for (let t = 1; t <= c.T; t++) put(number(tokens[t]?.key ?? 0));
  const verifier = nodes[0] as CapabilityNode;
  for (let k = 1; k <= c.Keys; k++) put(verifier.authority.keyring?.find(keyIdOf(k)) === undefined ? 0 : 1);
  for (let r = 1; r <= things; r++) {
    const sinceMs = overMs(world, c, r);
    put(sinceMs === undefined ? number(-1) : left(sinceMs + c.Ttl * TICK_MS));
  }
  for (const node of nodes) for (let r = 1; r <= things; r++) put(revokedMs(node, c, r) === undefined ? 0 : 1);
  for (const { inside } of nodes)
    for (let t = 1; t <= c.T; t++) put(left(inside.cache.entries.get(tokens[t]?.token ?? '')?.untilMs ?? 0));
  for (const { inside } of nodes)
    for (let t = 1; t <= c.T; t++) put(left(inside.refused.get(tokens[t]?.token ?? '')?.untilMs ?? 0));
  for (const { question } of nodes) {
    put(number(question?.capability ?? 0));
    put(STAGES.indexOf(question?.stage ?? 'none'));
    put(number(question === null ? 0 : (nowMs - question.askedMs) / TICK_MS));
    put(number(question?.ttl ?? 0));
    put(number(question === null || question.joinedMs === null ? -1 : (nowMs - question.joinedMs) / TICK_MS));
  }
  for (const { inside } of nodes) put(number(inside.remote?.misses ?? 0));
  for (const { held } of nodes) {
    put(number(held?.capability ?? 0));
    put(held === null ? number(0) : leftOf(held.by.vouchedForMs(nowMs)));
  }
}

/** Without a limit -1: its signature was checked here. */
const leftOf = (ms: number): number => number(ms === Number.POSITIVE_INFINITY ? -1 : Math.ceil(ms / TICK_MS));

/** Since when this node knows that thing r is revoked, ms; undefined where it does not. */
function revokedMs({ inside }: CapabilityNode, c: CapabilityConstants, r: number): number | undefined {
  const { nonces, keyIds } = inside.revocations;
  return r <= c.Nonces ? nonces.get(nonceOf(r)) : keyIds.get(keyIdOf(r - c.Nonces));
}

/** Since when it is over where the keys are: revoked, or retired, whatever came first. */
function overMs({ nodes, retiredMs }: CapabilityWorld, c: CapabilityConstants, r: number): number | undefined {
  const saidMs = revokedMs(nodes[0] as CapabilityNode, c, r);
  const goneMs = r <= c.Nonces ? undefined : retiredMs[r - c.Nonces];
  return saidMs === undefined || goneMs === undefined ? (saidMs ?? goneMs) : Math.min(saidMs, goneMs);
}

export const keyIdOf = (key: number): string => KEY_IDS[key] as string;
export const numberOf = (keyId: string): number => Number(keyId.slice(1));
export const nonceOf = (nonce: number): string => NONCES[nonce] as string;
const upTo9 = (name: (number: number) => string): string[] => Array.from({ length: 10 }, (_, i) => name(i));
const KEY_IDS = upTo9((key) => `k${key}`);
const NONCES = upTo9((nonce) => String(nonce).padStart(26, '0'));
