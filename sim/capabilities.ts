import { createSecretKey, type KeyObject } from 'node:crypto';
import { ADMIN_TOPIC, type Op } from '../spec/vocabulary.ts';
import { scopeOf } from '../src/auth/caveats.ts';
import { linksOf } from '../src/auth/chain.ts';
import { Keyring, type RootKey } from '../src/auth/keyring.ts';
import { mintToken } from '../src/auth/macaroon.ts';
import { EPOCH_MS } from './clock.ts';

/** One capability that was handed out. A run keeps them by number; a replay file writes them down. */
export interface Capability {
  /** Whom it is for, and the how manieth: `producers#2`. */
  readonly name: string;
  /** Root key `k1`, `k2` .. by number. */
  readonly key: number;
  readonly nonce: string;
  readonly ops: readonly Op[];
  /** One topic, or with a trailing dot a prefix. */
  readonly topic: string;
  /** Seconds of simulated time; Infinity for ever. */
  readonly expiresS: number;
  /** Operations a second. */
  readonly quotaOps: number;
  /** Signed with another key than it says. */
  readonly forged: boolean;
  /** Quotas that its holder has added to what it was given; none without. */
  readonly added?: readonly string[];
}

const FOREVER_S = 10 * 365 * 86_400;
export const PLENTY = 1_000_000_000;
const FORGERY = 255;
const BEARER = 'Bearer ';

export const keyId = (key: number): string => `k${key}`;
const secrets = new Map<number, KeyObject>();

function secretOf(key: number): KeyObject {
  let secret = secrets.get(key);
  if (secret === undefined) {
    secret = createSecretKey(Buffer.alloc(32, key));
    secrets.set(key, secret);
  }
  return secret;
}

export const keyringOf = (keys: readonly number[]): Keyring =>
  new Keyring(keys.map((key): RootKey => ({ id: keyId(key), createdMs: EPOCH_MS + key, key: secretOf(key) })));

/** 26 characters that name the capability: readable, and the same in every run. */
export const nonceOf = (name: string): string =>
  name
    .toUpperCase()
    .replaceAll('O', '0')
    .replaceAll('U', 'V')
    .replaceAll(/[IL]/g, '1')
    .replaceAll(/[^0-9A-HJKMNP-TV-Z]/g, '0')
    .slice(0, 26)
    .padEnd(26, '0');

/** Minting costs more than verifying: each capability is signed once. */
const headers = new WeakMap<Capability, string>();

/** What a client that holds it says of itself in each request. */
export function headerOf(capability: Capability): string {
  let header = headers.get(capability);
  if (header === undefined) {
    header = `${BEARER}${sign(capability)}`;
    headers.set(capability, header);
  }
  return header;
}

/** The same, as the frames of a body bring it. */
export const tokenOf = (capability: Capability): string => headerOf(capability).slice(BEARER.length);

/** Its caveats, as they are written. */
function caveatsOf({ ops, topic, expiresS, quotaOps, added = [] }: Capability): string[] {
  const until = Math.floor(EPOCH_MS / 1000) + Math.min(expiresS, FOREVER_S);
  const where = topic.endsWith('.') ? `topic prefix ${topic}` : `topic = ${topic}`;
  return [where, `op = ${ops.join(',')}`, `expires = ${until}`, `quota_ops = ${quotaOps}/1`, ...added];
}

/** Its quotas, each under the name that the journal gives it. */
export function quotasOf(
  capability: Capability,
): { readonly name: string; readonly max: number; readonly windowMs: number }[] {
  const scope = scopeOf(caveatsOf(capability));
  if (typeof scope === 'string') throw new Error(`capabilities: ${scope}`);
  return linksOf(capability.nonce, scope.pieces).flatMap(({ name, quota }) =>
    quota === null ? [] : [{ name, max: quota.max, windowMs: quota.windowMs }],
  );
}

/** The token of a capability, signed as it says. */
function sign(capability: Capability): string {
  const { key, nonce, forged } = capability;
  return mintToken(secretOf(forged ? FORGERY : key), keyId(key), nonce, caveatsOf(capability));
}

/** Who holds what. */
export const GROUPS = {
  producers: { topic: 'sim.', ops: ['send', 'stats'] },
  consumers: { topic: 'sim.', ops: ['recv', 'ack', 'nack', 'extend', 'stats'] },
  /** Without a quota: a stream uses it by itself. */
  streamers: { topic: 'sim.', ops: ['recv', 'ack', 'nack', 'extend'] },
  /** They look without touching. */
  viewers: { topic: 'sim.', ops: ['view', 'stats'] },
  /** They read what happens. Without a quota: a feed uses it by itself, as a stream does. */
  listeners: { topic: 'sim.', ops: ['view'] },
  /** They look on. */
  readers: { topic: 'sim.', ops: ['recv'] },
  strangers: { topic: 'other.', ops: ['send', 'recv', 'ack', 'nack', 'extend', 'stats'] },
  authority: { topic: ADMIN_TOPIC, ops: ['admin'] },
  sweepers: { topic: 'sim.', ops: ['send', 'recv', 'ack'] },
} as const satisfies Record<string, { topic: string; ops: readonly Op[] }>;
export type Group = keyof typeof GROUPS | 'admins';
export const GROUP_NAMES = [...Object.keys(GROUPS), 'admins'] as Group[];
