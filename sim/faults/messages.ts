import { incidental } from './definition.ts';

/** What may become of any call on its way: the shares of `network`, which clients draw for each of their calls. */
const lot = <const K extends string>(kind: K, text: string) =>
  incidental({ kind, family: 'network', field: `network.${kind}`, text });

export const MESSAGE_FAULTS = [
  lot('drop', 'a call that never arrives'),
  lot('duplicate', 'a call that comes twice'),
  lot('reorder', 'a call with ten times the latency, which others overtake'),
  lot('lost_reply', 'an answer that never arrives'),
  lot('gone', 'a client that is gone when its answer is about to be written'),
] as const;
