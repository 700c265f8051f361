import { apply } from '../../src/core/apply.ts';
import type { Command, Send } from '../../src/core/commands.ts';
import type { Decision } from '../../src/core/decide.ts';
import { execute } from '../../src/core/execute.ts';
import type { Fact } from '../../src/core/facts.ts';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import { ShardState } from '../../src/core/state.ts';

/** Everything a state holds, as bytes: equal before and after means that nothing whatever was written. */
export function fingerprint(state: ShardState): string {
  const seen = new Map<object, number>();
  const text = (value: unknown): string => {
    if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`;
    const known = seen.get(value);
    if (known !== undefined) return `#${known}`;
    seen.set(value, seen.size);
    if (ArrayBuffer.isView(value))
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
    const entries = value instanceof Map ? [...value] : Object.entries(value);
    return `{${entries.map(([key, of]) => `${key}=${text(of)}`).join()}}`;
  };
  return text(state);
}

export const limitsOf = (changed: Partial<Limits> = {}): Limits => ({ ...DEFAULT_LIMITS, ...changed });
export const shardOf = (changed: Partial<Limits> = {}): ShardState => new ShardState(0, limitsOf(changed));

/** A send with everything but its topic, key and payload left at its default. */
export const sendOf = (atMs: number, topic: string, idemKey: string, changed: Partial<Send> = {}): Send => ({
  name: 'send',
  atMs,
  tsMs: atMs,
  topic,
  idemKey,
  payload: new Uint8Array([1, 2, 3]),
  payloadHash: 'b3:00',
  hashChain: 'b3:01',
  attrs: {},
  corrId: 'corr',
  delayMs: 0,
  ttlMs: Number.POSITIVE_INFINITY,
  random: 0,
  ...changed,
});

/** Executes and keeps the facts, as a journal would. */
export class Recorder {
  readonly state: ShardState;
  readonly facts: Fact[] = [];

  constructor(state: ShardState) {
    this.state = state;
  }

  run(command: Command): Decision {
    const decision = execute(this.state, command);
    this.facts.push(...decision.facts);
    return decision;
  }

  fact(fact: Fact): void {
    apply(this.state, fact);
    this.facts.push(fact);
  }
}
