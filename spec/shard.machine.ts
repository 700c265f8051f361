import { assign, fromCallback, setup } from 'xstate';

/** A shard that falls again before it has served this long has fallen again and again. */
export const STEADY_MS = 60_000;
/** The first wait of a shard that fell again; each further one is twice as long, up to the most. */
export const PARK_MS_MIN = 1_000;
export const PARK_MS_MAX = 60_000;

/** How long a shard is left alone that fell so often in a row: not at all the first time. */
export const parkMs = (falls: number): number =>
  falls < 2 ? 0 : Math.min(PARK_MS_MAX, PARK_MS_MIN * 2 ** Math.min(falls - 2, 30));

export type ShardEvent = { readonly type: 'fell' | 'rebuilt' | 'not_rebuilt' | 'elsewhere' | 'wanted' };

/**
 * The life of a shard in its process: it serves until something in it throws, is then made anew of what is durable, and is
 * parked for longer and longer when that does not last. Where processes share shards it may be elsewhere, until it is wanted here. `rebuild`
 * is given by who runs the machine.
 */
export const shardMachine = setup({
  types: { context: {} as { readonly falls: number }, events: {} as ShardEvent },
  actors: { rebuild: fromCallback<ShardEvent>(() => {}) },
  actions: {
    count: assign({ falls: ({ context }) => context.falls + 1 }),
    forget: assign({ falls: 0 }),
  },
  guards: { isFirst: ({ context }) => parkMs(context.falls) === 0 },
  delays: { steady: STEADY_MS, park: ({ context }) => parkMs(context.falls) },
}).createMachine({
  id: 'shard',
  context: { falls: 0 },
  initial: 'serving',
  states: {
    serving: { after: { steady: { actions: 'forget' } }, on: { fell: 'fallen' } },
    fallen: { entry: 'count', always: [{ guard: 'isFirst', target: 'restarting' }, 'parked'] },
    restarting: {
      invoke: { src: 'rebuild' },
      on: { rebuilt: 'serving', not_rebuilt: 'fallen', elsewhere: 'elsewhere' },
    },
    parked: { after: { park: 'restarting' }, on: { wanted: 'restarting' } },
    elsewhere: { entry: 'forget', on: { wanted: 'restarting' } },
  },
});
