import type { Range } from '../random.ts';
import { atNode, type FaultyEngine, type Place } from './definition.ts';
import { range } from './usual.ts';

export const engineFailover = atNode({
  kind: 'engine_failover',
  family: 'engine',
  text: 'its primary is lost with all connections, and the standby goes on with what it has; what was on its way may still come there. Where answers do not wait for the standby, what was answered is lost with it',
  parameters: {},
  draw: () => ({}),
  inject: ({ engine }) => engine?.failOver(),
});

/** How much later a primary is lost that has something that its standby lacks; 0 for never. */
export const LOST_MS: readonly Range[] = [range(0, 0), range(1, 30), range(20, 300)];

/** What can be seen of it by then is gone with it. */
export function lost(engine: FaultyEngine | null, afterMs: number, end: Place['end']): void {
  if (engine === null || afterMs === 0) return;
  engine.lag(afterMs);
  end(afterMs, () => engine.failOver());
}
