import { setup } from 'xstate';
import type { OwnershipEvent } from './ownership.ts';

/**
 * The life of a shard at one of the nodes that share an engine. It is served only between an answered announcement and the first
 * append of which nobody knows; the lease decides who tries, and whether anything is durable is decided by the log alone.
 */
export const ownershipMachine = setup({
  types: { events: {} as { readonly type: OwnershipEvent } },
}).createMachine({
  id: 'ownership',
  initial: 'absent',
  states: {
    absent: { on: { claim: 'claiming' } },
    claiming: { on: { granted: 'reading', denied: 'absent', lapsed: 'absent' } },
    /** What the log holds is replayed up to its end. */
    reading: { on: { ended: 'announcing', misread: 'absent', broken: 'halted', lapsed: 'absent' } },
    /** The first frame of a term is under way. */
    announcing: { on: { answered: 'serving', doubted: 'reading', lapsed: 'absent' } },
    serving: { on: { doubted: 'unsure', hand_over: 'handing_over', lapsed: 'absent' } },
    /** Nobody knows what became of an append: replies are held, and the log is read again. */
    unsure: { on: { settled: 'serving', overtaken: 'absent', broken: 'halted', lapsed: 'absent' } },
    /** Nothing new is taken; what is under way comes to its end. */
    handing_over: { on: { settled: 'absent', doubted: 'unsure', lapsed: 'absent' } },
    /** What was said to be durable is gone: going on could only make that worse. */
    halted: { type: 'final' },
  },
});
