import { computed, signal } from '@preact/signals';
import type { Op } from '../../spec/vocabulary.ts';
import { MailboxClient } from '../../src/client/client.ts';
import { MailboxError } from '../../src/client/error.ts';
import { type Capability, covers, decode } from './capability.ts';

/** A capability in hand: in the memory of this page and nowhere else. A reload forgets it. */
export interface Held {
  /** Of this page: each that comes has the next. */
  readonly number: number;
  readonly token: string;
  readonly capability: Capability;
  readonly client: MailboxClient;
  /** Why the server took it no more, or null. */
  readonly refused: string | null;
}

export const HELD_MAX = 16;
export const held = signal<readonly Held[]>([]);
export const isConnected = computed(() => held.value.length > 0);

let numbered = 0;

/** Takes it into use. @returns what is wrong with it, or null */
export function hold(token: string): string | null {
  const capability = decode(token);
  if (capability === null) return 'This is no capability of a mailbox.';
  if (held.value.length >= HELD_MAX) return `At most ${HELD_MAX} capabilities are held at once.`;
  const client = new MailboxClient({ url: location.origin, capability: token, attempts: 2, timeoutMs: 15_000 });
  const others = held.value.filter((one) => one.capability.nonce !== capability.nonce || one.refused !== null);
  const isThere = others.length < held.value.length && sameCaveats(capability);
  const one: Held = { number: ++numbered, token, capability, client, refused: null };
  if (!isThere) held.value = [...held.value.filter(({ refused }) => refused === null), one];
  return null;
}

/** A narrowed capability has the nonce of the one it was made from, and more caveats. */
const sameCaveats = ({ nonce, caveats }: Capability): boolean =>
  held.value.some(({ capability: one }) => one.nonce === nonce && one.caveats.join('\n') === caveats.join('\n'));

export const forget = (one: Held | null): void => {
  held.value = one === null ? [] : held.value.filter((other) => other !== one);
};

/** Those that allow one of these ops, of this topic where there is one; those that were refused come last. */
export function holders(ops: readonly Op[], topic: string | null = null): readonly Held[] {
  const nowS = Date.now() / 1000;
  const isGood = ({ capability: c, refused }: Held): boolean => refused === null && c.expiresS > nowS;
  const able = held.value.filter(
    ({ capability: c }) => ops.some((op) => c.ops.includes(op)) && (topic === null || covers(c, topic)),
  );
  return able.toSorted((one, other) => Number(isGood(other)) - Number(isGood(one)));
}

export const may = (op: Op, topic: string | null = null): boolean => holders([op], topic).length > 0;

/** No capability in hand allows what was asked for. */
export class NotAllowed extends Error {}

/**
 * Asks with the first capability that allows it, and remembers when the server takes that no more. Of what topic it is may not be known
 * (null): then the others are asked too, until one may see it, for to each the server says only that there is nothing for it.
 */
export async function asking<T>(
  ops: readonly Op[],
  topic: string | null,
  ask: (client: MailboxClient) => Promise<T>,
): Promise<T> {
  const [first, ...others] = holders(ops, topic);
  if (first === undefined)
    throw new NotAllowed(`No capability in hand allows ${ops.join(' or ')}${topic === null ? '' : ` of ${topic}`}.`);
  let answer = askingWith(first, ask);
  for (const one of topic === null ? others.filter(({ refused }) => refused === null) : [])
    answer = answer.catch((error: unknown) => {
      if (!(error instanceof MailboxError) || error.code !== 'E_NOT_FOUND') throw error;
      return askingWith(one, ask);
    });
  return answer;
}

export async function askingWith<T>(one: Held, ask: (client: MailboxClient) => Promise<T>): Promise<T> {
  try {
    return await ask(one.client);
  } catch (error) {
    if (one.refused === null && error instanceof MailboxError && error.code === 'E_CAP_AUTH') {
      const refused = error.message;
      held.value = held.value.map((other) => (other.client === one.client ? { ...other, refused } : other));
    }
    throw error;
  }
}
