import type { Journal } from '../ports.ts';

/** Profile micronode: in memory is as durable as it gets, so an append is done at once (B12, I1). */
export const memoryJournal: Journal = {
  append(_batches, done) {
    done(null);
  },
};
