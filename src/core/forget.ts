import type { ShardState } from './state.ts';
import { SETTLED_BYTES, SETTLED_ROW_BYTES } from './weight.ts';

/** Closes the oldest window of the shard (ID1). */
export function closeOldestWindow(state: ShardState): void {
  forgetIfDone(state, state.closeWindow());
}

/** Drops the oldest settled receipt of the shard, one of those that there are, which is the oldest of its message. */
export function forgetOldestSettled(state: ShardState): void {
  const slot = state.settled.shift();
  const message = state.aliveIn(slot);
  if (message !== undefined) {
    message.unsettle();
    state.findOldestSettled();
    state.endedBytes -= SETTLED_BYTES;
    return;
  }
  state.rows.forgetSettled(state.rowIn(slot));
  state.findOldestSettled();
  state.endedBytes -= SETTLED_ROW_BYTES;
  forgetIfDone(state, slot);
}

/** Frees the slot of a message that is over and that neither a duplicate nor a repeated settle can name. */
function forgetIfDone(state: ShardState, slot: number): void {
  const row = state.rowIn(slot);
  if (row < 0 || !state.rows.isDone(row)) return;
  state.endedBytes -= state.rows.bytesOf(row);
  state.forgetRow(slot);
}
