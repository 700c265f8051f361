import { createMachine } from 'xstate';

/**
 * The life of one remembered verification of a capability (S3, K6). `ask` is a request that presents the token: a hit in
 * `fresh`, a verification in the other states. `ttl` is time passing `untilMs`; `end` is whatever puts an entry out early: its
 * revocation, a purge, or the need for room. src/auth/cache.ts is held to this by test/auth/cache.test.ts.
 */
export const cacheEntryMachine = createMachine({
  id: 'cache-entry',
  initial: 'absent',
  states: {
    absent: { on: { verify: 'fresh', ask: 'absent' } },
    fresh: { on: { ask: 'fresh', verify: 'fresh', ttl: 'stale', end: 'absent' } },
    stale: { on: { ask: 'absent', verify: 'fresh', end: 'absent' } },
  },
});
