import { atNode } from './definition.ts';
import { LOST_MS, lost } from './engine-failover.ts';
import { span } from './parameters.ts';

export const engineCancel = atNode({
  kind: 'engine_cancel',
  family: 'engine',
  text: 'an append that waits for the standby is cancelled: it is answered as if it were durable, with a warning, and its standby does not have it; a node takes that for no answer, and its connection is gone. With `lost` the primary follows so much later, and its standby gets nothing more from it',
  parameters: { lostMs: span() },
  draw: (random) => ({ lostMs: random.pick(LOST_MS) }),
  lastsMs: ({ lostMs }) => lostMs,
  inject({ engine, end }, { lostMs }) {
    engine?.cancel();
    lost(engine, lostMs, end);
  },
});
