import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Stream } from '../../sim/random.ts';
import { DurableServer } from './durable.ts';
import { NOTHING } from './history.ts';
import { run } from './process.ts';
import { Swarm } from './swarm.ts';

/** Answers of the server between two kills, at most. */
const ANSWERS_MAX = 600;

/**
 * kill -9 of the process group in the middle of traffic, again and again; then all of it must be accounted for (AC1,
 * NoLossInv, AckFinalProp, SingleLeaseProp, EpochMonotoneProp, IdempotentInv). Gives what was seen.
 */
export async function killAgainAndAgain(rounds: number, seed: number): Promise<Swarm['history']['counts']> {
  const server = new DurableServer();
  const random = new Stream(seed, 'kills');
  try {
    await server.start('--max-attempts', '50', '--backoff-base', '1ms', '--backoff-max', '20ms');
    const swarm = new Swarm(server, seed);
    swarm.start(8, 8);
    for (let round = 0; round < rounds; round++) {
      await swarm.answers(1 + random.below(ANSWERS_MAX));
      const killedMs = performance.now();
      await server.restart('--max-attempts', '50', '--backoff-base', '1ms', '--backoff-max', '20ms');
      swarm.recorded.restarted(killedMs);
    }
    await swarm.answers(ANSWERS_MAX);
    await swarm.drain();
    expect(swarm.history.check()).toEqual(NOTHING);
    await mustBeSeen(server, swarm.recorded.text());
    await server.process.crash();
    await mustHold(server);
    return swarm.history.counts;
  } finally {
    await server.end();
  }
}

/** What clients asked and were answered is what they may see (V7). */
async function mustBeSeen({ folder }: DurableServer, history: string): Promise<void> {
  const file = join(folder, 'answers.ndjson');
  writeFileSync(file, history);
  const checked = await run(['trace', 'check', file, '--history']);
  expect([checked.code, checked.out]).toEqual([0, expect.stringMatching(/^holds: \d+ calls/)]);
}

/** The journal that is left is intact, and a behaviour of the specification (journal rule 10). */
export async function mustHold({ data, folder }: { readonly data: string; readonly folder: string }): Promise<void> {
  const verified = await run(['journal', 'verify', '--data', data]);
  expect([verified.code, verified.out]).toEqual([0, expect.stringContaining('verdict    intact')]);
  const { out } = await run(['journal', 'cat', '--trace', '--data', data]);
  const file = join(folder, 'trace.ndjson');
  writeFileSync(file, out);
  const checked = await run(['trace', 'check', file, '--explain']);
  expect([checked.code, checked.out]).toEqual([0, expect.stringContaining('a behaviour of the specification: ')]);
}
