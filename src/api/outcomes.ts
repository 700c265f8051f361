import type { Outcome } from '../../spec/vocabulary.ts';

/** Refusals that rows of the contract have in common. */

/** Of every route: a request that is malformed, a server that still reads its journal, a bug of ours. */
export const ANY: readonly Outcome[] = ['schema', 'starting', 'internal'];
/** Of a request that names no route, because its path or its method is none of ours. */
export const OUTSIDE: readonly Outcome[] = [...ANY, 'not_found', 'method'];
/** Of whatever takes a capability. */
export const AUTHORIZED: readonly Outcome[] = ['cap_auth', 'cap_scope', 'auth_flood', 'verifier'];
/** Of whatever takes a body. */
export const WITH_BODY: readonly Outcome[] = ['too_large', 'media_type', 'timeout', 'saturated_memory'];
/** Of whatever asks a shard: it may be made anew, the journal may have failed, or no node has it at the moment. */
export const SHARD: readonly Outcome[] = ['starting', 'journal', 'not_owner'];
/** Of whatever needs a lease. */
export const LEASE: readonly Outcome[] = ['not_found', 'lease_lost', ...SHARD];
export const SENDING: readonly Outcome[] = [
  ...(['integrity', 'duplicate', 'idem_mismatch', 'saturated_dedup', 'saturated_shard'] as const),
  ...(['saturated_tenant', 'degraded_writes', 'draining', ...SHARD] as const),
];
export const LEASING: readonly Outcome[] = ['saturated_inflight', 'saturated_tenant', ...SHARD];

/** Of an item of a batch, or of a unit of frames, which may bring a capability of its own and may be too long. */
export const ITEM: readonly Outcome[] = ['schema', 'internal', 'quota', 'too_large', ...AUTHORIZED];
/** Of an ack that rides on a recv or begins a stream. */
export const RIDING: readonly Outcome[] = ['not_found', 'lease_lost', 'quota', 'starting', 'not_owner'];
