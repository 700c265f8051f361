import type { Message, ShardState } from './state.ts';
import { endedBytesOf, SETTLED_BYTES } from './weight.ts';

/** Drops the oldest settled receipt of the shard, which is the oldest of its message. */
export function forgetOldestSettled(state: ShardState): void {
  const entry = state.settled.shift();
  if (entry === undefined) return;
  state.endedBytes -= SETTLED_BYTES;
  const message = entry.message;
  message.oldestSettled = entry.next;
  if (entry.next === null) message.newestSettled = null;
  forgetIfDone(state, message);
}

/** Frees the slot of a message that is over and that neither a duplicate nor a repeated settle can name. */
export function forgetIfDone(state: ShardState, message: Message): void {
  if (message.state !== 'acked' && message.state !== 'purged') return;
  if (message.idemUntilMs !== 0 || message.oldestSettled !== null) return;
  state.slots[message.slot] = undefined;
  state.freeSlots.push(message.slot);
  state.endedBytes -= endedBytesOf(message.idemKey);
  if (--message.topic.remembered === 0) state.dropTopic(message.topic);
}
