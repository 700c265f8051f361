import { beforeEach, describe, expect, it } from 'vitest';
import { CUTS, type EngineClient, SimEngine } from '../../sim/engine.ts';
import { Loop } from '../../sim/loop.ts';
import { Stream } from '../../sim/random.ts';
import { EngineLogs } from '../../src/cluster/engine-logs.ts';
import { BEGINNING } from '../../src/cluster/shard-log.ts';
import type { EngineFrame } from '../../src/ports/engine.ts';
import { jsonFraming } from '../support/shard-log.ts';

const framing = jsonFraming<string>();
const frameOf = (
  content: string,
  before: { sequence: number; hash: Uint8Array } = BEGINNING,
  shard = 0,
): EngineFrame => {
  const head = { sequence: before.sequence + 1, term: 1, previous: before.hash };
  return { shard, sequence: head.sequence, previous: head.previous, ...framing.seal(head, content) };
};

describe('simulated engine', () => {
  let loop: Loop;
  let logs: EngineLogs;
  let engine: SimEngine;
  let client: EngineClient;
  let said: string[];
  const open = (isSynchronous = true): void => {
    loop = new Loop();
    logs = new EngineLogs(2);
    said = [];
    const times = { wayMs: { min: 1, max: 3 }, runMs: { min: 1, max: 2 }, standbyMs: { min: 50, max: 60 } };
    engine = new SimEngine({
      ...{ loop, logs, isSynchronous, leaseMs: 1000, lateMs: { min: 500, max: 600 }, ...times },
      random: new Stream(1, 'engine'),
    });
    client = engine.connect();
  };
  beforeEach(() => open());
  const append = (...frames: EngineFrame[]): void =>
    client.append(frames, (outcomes, why) =>
      said.push([...outcomes, ...(why === null ? [] : [why.message])].join(' ')),
    );
  const pass = (ms: number): string[] => {
    while (loop.step(ms));
    return said.splice(0);
  };

  it('an append is answered when the standby has it; with an asynchronous one before that', () => {
    append(frameOf('a'));
    expect([pass(40), logs.logOf(0).length, logs.replicatedOf(0)]).toEqual([[], 1, 0]);
    expect([pass(100), logs.replicatedOf(0)]).toEqual([['durable'], 1]);
    open(false);
    append(frameOf('a'));
    expect([pass(40), logs.replicatedOf(0)]).toEqual([['durable'], 0]);
  });

  it('a statement of several logs: each frame goes in or does not; two of one log are a bug', () => {
    append(frameOf('a'), frameOf('gap', frameOf('before', BEGINNING, 1), 1));
    expect(pass(100)).toEqual(['durable refused']);
    expect(() => append(frameOf('b'), frameOf('c'))).toThrow('two frames of one log');
  });

  it.each(CUTS)('a connection that is cut before the statement is executed, %s: unknown at once', (how) => {
    append(frameOf('a'));
    client.cut(how);
    expect(pass(100)).toEqual(['unknown the connection is gone']);
    expect(logs.logOf(0)).toHaveLength(how === 'applied' ? 1 : 0);
    pass(1000);
    expect(logs.logOf(0)).toHaveLength(how === 'not_applied' ? 0 : 1);
  });

  it('a failover: what only the primary had is gone, what was answered is not, and nobody knows of what was under way', () => {
    const a = frameOf('a');
    append(a);
    pass(100);
    append(frameOf('b', a));
    pass(110);
    engine.failOver();
    expect([pass(1000), logs.logOf(0).length]).toEqual([['unknown the connection is gone'], 1]);
    append(frameOf('c', a));
    expect(pass(2000)).toEqual(['durable']);
  });

  it('a cancelled append: to be seen, unknown, and gone with the primary', () => {
    append(frameOf('a'));
    pass(20);
    engine.cancel();
    expect([said, logs.logOf(0).length]).toEqual([['unknown the connection is gone'], 1]);
    engine.failOver();
    expect(logs.logOf(0)).toEqual([]);
  });

  it('full: refused, with why; slow: later; a partition: nothing at all, until it is cut', () => {
    engine.full(100);
    append(frameOf('a'));
    expect(pass(99)).toEqual(['refused the engine has no room']);
    engine.slow(300, 1000);
    append(frameOf('a'));
    expect(pass(300)).toEqual([]);
    expect(pass(1000)).toEqual(['durable']);
    client.partition(1000);
    append(frameOf('b', frameOf('a')));
    expect([pass(1500), logs.logOf(0).length]).toEqual([[], 1]);
    client.cut('not_applied');
    expect(said).toEqual(['unknown the connection is gone']);
  });

  it('leases: of one owner at a time, until they end or are released', () => {
    const results: unknown[] = [];
    const ask = (owner: string): void =>
      client.leases.claim(0, owner, (result) => results.push('engineMs' in result ? null : result));
    ask('one');
    pass(10);
    ask('other');
    pass(20);
    expect(results).toEqual([null, { heldForMs: expect.any(Number) }]);
    client.leases.release(0, 'one');
    pass(30);
    ask('other');
    pass(40);
    expect(results.at(-1)).toBe(null);
    pass(1500);
    ask('one');
    pass(1600);
    expect(results.at(-1)).toBe(null);
  });
});
