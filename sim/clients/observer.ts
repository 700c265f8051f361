import { PEEKED } from '../../src/service/messages.ts';
import type { Range } from '../random.ts';
import { refOf } from './consumer.ts';
import type { Port } from './port.ts';

const TIMEOUT_MS = 5_000;

export interface ObserverRules {
  readonly everyMs: Range;
  /** Rows of a page. */
  readonly limit: number;
}

/** Looks without touching: at the topics, at messages page by page, at one that got around. */
export class Observer {
  private readonly port: Port;
  private readonly rules: ObserverRules;
  private cursor: string | null = null;

  constructor(port: Port, rules: ObserverRules) {
    this.port = port;
    this.rules = rules;
  }

  run(): void {
    const { port, rules } = this;
    port.later(Math.max(1, port.random.within(rules.everyMs)), () => {
      this.look();
      this.run();
    });
  }

  private look(): void {
    const { port, rules } = this;
    const { random, topic, traffic } = port;
    const what = random.below(4);
    if (what === 0)
      return port.ask({ verb: 'topics', prefix: '', limit: rules.limit, cursor: null }, [], TIMEOUT_MS, () => {});
    const heard = what === 1 ? traffic.heard(random) : undefined;
    if (heard !== undefined) {
      const { msgId } = heard;
      return traffic.call(port, heard.topic, { verb: 'show', msgId }, [refOf(heard)], TIMEOUT_MS, () => {});
    }
    const state = random.chance(0.5) ? null : random.pick(PEEKED);
    // A cursor goes on with the look that it came from.
    const { cursor } = this;
    const withPayload = random.chance(0.3);
    const ask = {
      verb: 'peek',
      topic,
      state: cursor === null ? state : null,
      limit: rules.limit,
      cursor,
      withPayload,
    } as const;
    port.ask(ask, [], TIMEOUT_MS, (reply) => {
      this.cursor = ask.state === null ? (reply?.peeked?.next ?? null) : null;
    });
  }
}
