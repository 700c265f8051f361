import type { Range } from '../random.ts';
import type { Port } from './port.ts';

/** A client that reads what happens, one feed after the other. */
export interface ListenerRules {
  /** How long a piece takes to read. */
  readonly takesMs: Range;
  /** It ends when nothing came for so long; 0 for never. */
  readonly waitMs: number;
  /** Share of its feeds that it asks for under a capability for one topic, whatever it asks for, 0..1. */
  readonly narrow: number;
  /** It hangs up after so long. */
  readonly lifeMs: Range;
}

const PAUSE_MS: Range = { min: 20, max: 200 };

/** Goes on where it was, most of the time. */
export class Listener {
  private readonly port: Port;
  private readonly rules: ListenerRules;
  private cursor: string | null = null;

  constructor(port: Port, rules: ListenerRules) {
    this.port = port;
    this.rules = rules;
  }

  run(): void {
    const { port, rules } = this;
    const { random, traffic, topic } = port;
    const ask = {
      verb: 'feed',
      topic: random.chance(0.2) ? topic : null,
      prefix: random.pick(['', 'sim.', topic]),
      after: random.chance(0.7) ? this.cursor : random.pick([null, 'now']),
      waitMs: rules.waitMs === 0 ? Number.POSITIVE_INFINITY : rules.waitMs,
      takesMs: random.within(rules.takesMs),
    } as const;
    const capability = random.chance(rules.narrow) ? traffic.issuer.narrowed('listeners', topic) : null;
    traffic.stream(
      port,
      { ask, refs: [], timeoutMs: Math.max(1, random.within(rules.lifeMs)) },
      (_, facts) => {
        this.cursor = facts.at(-1)?.cursor ?? this.cursor;
      },
      (reply) => {
        // One that says nothing any more is given up.
        if (reply !== null && reply.outcome !== 'ok') this.cursor = null;
        port.later(random.within(PAUSE_MS), () => this.run());
      },
      capability,
    );
  }
}
