import { assign, setup } from 'xstate';

/** What a look at the server finds (BD3). */
export interface Assessment {
  /** The journal is gone: nothing is promised any more. */
  readonly failed: boolean;
  /** What is missing for writes to be welcome here, by name. */
  readonly missing: readonly string[];
  /** Something without which no send may be accepted is unhealthy, not merely filling up. */
  readonly refusesSends: boolean;
  /** ms until it is worth asking again; 0 when nothing is missing. */
  readonly retryAfterMs: number;
}

export const NOTHING_MISSING: Assessment = { failed: false, missing: [], refusesSends: false, retryAfterMs: 0 };

/** The server looks at itself no more often than this unasked. */
export const LOOK_MS = 100;

/** The server's life (BD3): starting, then ready or degraded as each look finds it, until it drains or fails. */
export const readinessMachine = setup({
  types: {
    context: {} as { readonly look: () => Assessment; readonly seen: Assessment },
    input: {} as { readonly look: () => Assessment },
    events: {} as { readonly type: 'started' | 'look' | 'drain' },
  },
  actions: { look: assign({ seen: ({ context }) => context.look() }) },
  guards: {
    failed: ({ context }) => context.seen.failed,
    degraded: ({ context }) => context.seen.missing.length > 0,
  },
}).createMachine({
  id: 'readiness',
  context: ({ input }) => ({ look: input.look, seen: NOTHING_MISSING }),
  initial: 'starting',
  on: { drain: '.draining' },
  states: {
    starting: { on: { started: 'looking' } },
    looking: {
      entry: 'look',
      always: [{ guard: 'failed', target: 'failed' }, { guard: 'degraded', target: 'degraded_writes' }, 'ready'],
    },
    ready: { on: { look: 'looking' } },
    degraded_writes: { on: { look: 'looking' } },
    draining: {},
    failed: {},
  },
});

/** The states as they are seen from outside; a look takes no time. */
export const SERVER_STATES = ['starting', 'ready', 'degraded_writes', 'draining', 'failed'] as const;
export type ServerState = (typeof SERVER_STATES)[number];
