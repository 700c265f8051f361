import type { CapabilityNode } from './capability-node.ts';

/**
 * What must be true of a node whatever happened: its indexes say the same as its cache, a connection remembers nothing that the
 * cache does not, and a word counts as long as the place in the cache that it has. Null when it is so, else what is not.
 */
export function auditNode({ authority, session, question, held, inside, clock }: CapabilityNode): string | null {
  const { cache, remote } = inside;
  const nowMs = clock.nowMs();
  if (cache.entries.size !== authority.cache.size) return 'the size of the cache';
  for (const [token, { value, untilMs }] of cache.entries) {
    if (cache.byNonce.get(value.nonce)?.has(token) !== true) return 'a spelling that its nonce does not know';
    if (untilMs === Number.NEGATIVE_INFINITY) return 'an ended entry in the cache';
    if (value.vouchedUntilMs !== (remote === null ? Number.POSITIVE_INFINITY : untilMs))
      return 'how long a word counts';
  }
  const spellings = [...cache.byNonce.values()].reduce((sum, { size }) => sum + size, 0);
  if (spellings !== cache.entries.size) return 'a nonce that knows spellings which are not there';
  const { entry, header } = session;
  if (entry !== null && nowMs < entry.untilMs && cache.entries.get(header.slice('Bearer '.length)) !== entry)
    return 'a connection that remembers what the cache does not';
  if (held !== null && (held.by.vouchedUntilMs === Number.POSITIVE_INFINITY) !== (remote === null))
    return 'a request under way on another word';
  if (remote === null) return question === null ? null : 'a question where the keys are';
  const open = question === null ? 0 : 1;
  const waiting = [...remote.open.values()].reduce((sum, one) => sum + one.waiting.length, 0);
  const asked = remote.asked.reduce((sum, count) => sum + count, 0);
  if (remote.open.size !== open || asked !== open || remote.lines.some(({ size }) => size > 0))
    return 'the line at the node with the keys';
  if (waiting !== open + (question !== null && question.joinedMs !== null ? 1 : 0)) return 'who waits for an answer';
  return null;
}
