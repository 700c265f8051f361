import type { DeadLetter, Reply } from '../../src/service/messages.ts';
import { REDRIVE_KEY } from '../call.ts';
import type { Range } from '../random.ts';
import type { Port } from './port.ts';

/** Shares are of its turns, 0..1. */
export interface RedriverRules {
  readonly everyMs: Range;
  /** Dead letters a second, of most that it begins; 0: all as fast as they go. */
  readonly ratePerS: number;
  /** Begun to see what would come of it. */
  readonly dry: number;
  /** Turns in which it cancels one, */
  readonly cancelled: number;
  /** or asks for one of its own under the capability for another topic. */
  readonly foreign: number;
  /** Begun under a capability that is about to end by its time, */
  readonly brief: number;
  /** or that is taken back soon after. */
  readonly revoked: number;
}

const TIMEOUT_MS = 5_000;
const LOOKED_AT = 20;
const KNOWN_MAX = 4;
/** Share of its turns in which it begins another one. */
const BEGINS = 0.1;
/** So that those that have ended are still remembered. */
const BEGUN_MAX = 40;
const BRIEF_S = 3;
const TAKEN_BACK_MS = 1_000;
const REISSUE_MS = 500;

/** Has dead letters put back by tasks: begins one, looks at how far it is, cancels it; at times it has lost its capability by then. */
export class Redriver {
  private readonly port: Port;
  private readonly rules: RedriverRules;
  /** Those that it was told of last. */
  private readonly known: string[] = [];
  private begun = 0;

  constructor(port: Port, rules: RedriverRules) {
    this.port = port;
    this.rules = rules;
  }

  run(): void {
    const { port, rules } = this;
    port.later(Math.max(1, port.random.within(rules.everyMs)), () => {
      this.act();
      this.run();
    });
  }

  private act(): void {
    const { random } = this.port;
    const { rules, known } = this;
    const isFull = this.begun >= BEGUN_MAX;
    if (!isFull && (known.length === 0 || random.chance(BEGINS)))
      return random.chance(0.3) ? this.named() : this.begin([]);
    if (known.length === 0) return;
    const id = random.pick(known);
    this.ask(random.chance(rules.cancelled) ? 'redrive_cancel' : 'redrive_show', id, random.chance(rules.foreign));
  }

  /** Of some that it finds, and of others that are none. */
  private named(): void {
    const { port } = this;
    const look = { reason: null, limit: LOOKED_AT, after: 0, withPayload: false };
    port.ask({ verb: 'dlq_list', topic: port.topic, ...look }, [], TIMEOUT_MS, (reply) =>
      this.begin((reply?.deadLetters ?? []).filter(() => port.random.chance(0.7))),
    );
  }

  private begin(dead: readonly DeadLetter[]): void {
    const { port, rules } = this;
    const { random, traffic, topic } = port;
    this.begun++;
    const ratePerS = rules.ratePerS > 0 && random.chance(0.8) ? rules.ratePerS : null;
    const limit = random.chance(0.3) ? 1 + random.below(10) : Number.POSITIVE_INFINITY;
    // One of them twice: it cannot be put back again.
    const all = dead[0] === undefined ? [] : [...dead, dead[0]];
    const msgIds = all.length === 0 ? null : all.map(({ msgId }) => msgId);
    const refs = all.map(({ idemKey }) => ({ topic, idemKey, epoch: 0 }));
    const ask = {
      verb: 'redrive',
      topic,
      limit,
      msgIds,
      reason: null,
      ratePerS,
      dryRun: random.chance(rules.dry),
    } as const;
    const brief = random.chance(rules.brief) ? traffic.issuer.brief('admins', topic, 1 + random.below(BRIEF_S)) : null;
    if (random.chance(rules.revoked))
      port.later(1 + random.below(TAKEN_BACK_MS), () => traffic.issuer.revoke('admins', REISSUE_MS, topic));
    traffic.call(port, topic, ask, refs, TIMEOUT_MS, (reply) => this.told(reply?.redrive?.id), brief);
  }

  private told(id: string | undefined): void {
    if (id === undefined || this.known.includes(id)) return;
    this.known.push(id);
    if (this.known.length > KNOWN_MAX) this.known.shift();
  }

  private forget(id: string): void {
    const at = this.known.indexOf(id);
    if (at >= 0) this.known.splice(at, 1);
  }

  private ask(verb: 'redrive_show' | 'redrive_cancel', id: string, isForeign: boolean): void {
    const { port } = this;
    const { traffic, topic } = port;
    const capability = isForeign ? traffic.issuer.of('admins', `${topic}0`) : null;
    const ref = { topic, idemKey: REDRIVE_KEY, epoch: 0 };
    const told = ({ redrive }: Pick<Reply, 'redrive'>): void => {
      if (redrive !== undefined && redrive.state !== 'running' && port.random.chance(0.5)) this.forget(id);
    };
    traffic.call(port, topic, { verb, id }, [ref], TIMEOUT_MS, (reply) => told(reply ?? {}), capability);
  }
}
