import { imagesOf } from '../core/image.ts';
import type { ShardState } from '../core/state.ts';
import type { AppendLog } from './append-log.ts';
import { OneLog } from './one-log.ts';
import { restoreLater } from './shard-images.ts';

/** Profile micronode: in memory is as durable as it gets, so an append is done at once (B12, I1). */
export const memoryJournal: AppendLog = {
  append(_batches, done) {
    done(null);
  },
};

/** Nothing outlives the process. */
export const memoryBackend = (shards: readonly ShardState[], topicKey: Uint8Array | null = null): OneLog =>
  new OneLog({
    term: null,
    shards,
    contents: { limits: null, processFacts: [], clocks: null, topicKey },
    log: memoryJournal,
    // There is nothing else than the messages themselves: what can be found by way of them is put together again.
    replay: (state, limits, done) => restoreLater(imagesOf(state), state.shard, limits, done),
    snapshot: (done) => done(null),
    condition: () => null,
    tick: () => {},
  });
