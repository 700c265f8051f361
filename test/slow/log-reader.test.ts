import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Blind, blind, redirected } from '../support/blind.ts';

const running: Blind[] = [];
const end = async (): Promise<void> => {
  for (const { server, caller } of running.splice(0)) {
    caller.close();
    await server.crash();
  }
};
afterEach(end);
afterAll(end);

/** Each makes a line of some 300 bytes: 18 MiB in all, twice what may wait. */
const REQUESTS = 60_000;
const CALLERS = 32;
const MIB = 1024 ** 2;
/** The target: so much more than with a reader, at most. */
const MORE_MIB_MAX = 32;

const start = async (...under: string[]): Promise<Blind> => {
  const one = await blind(under, '--auth-failure-burst', '1000000');
  running.push(one);
  return one;
};

/** Refused requests; how many got their answer. */
async function load({ caller }: Blind): Promise<number> {
  let asked = 0;
  let answered = 0;
  const one = async (): Promise<void> => {
    while (asked < REQUESTS) {
      asked++;
      if ((await caller.post('/v1/send', 'forged', {})).status === 401) answered++;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, one));
  return answered;
}

const rssMib = ({ server }: Blind): number => {
  const status = readFileSync(`/proc/${server.child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) / 1024;
};
const dropped = async ({ metrics }: Blind): Promise<number> =>
  Number(/^log_lines_dropped_total\{kind="decision"\} (\d+)$/m.exec(await metrics())?.[1]);

describe('the log at the rate of refusals, beside a server whose log is read (D10)', () => {
  let readMib = 0;
  beforeAll(async () => {
    const read = await start();
    expect(await load(read)).toBe(REQUESTS);
    readMib = rssMib(read);
    expect(await dropped(read)).toBe(0);
    expect(read.server.out.split('"auth.denied"')).toHaveLength(REQUESTS + 1);
    await end();
  });

  it('its reader stalls: every request answered, memory as with a reader, lines counted; it goes on with one line of how many', async () => {
    const stalled = await start();
    stalled.server.child.stdout?.pause();
    expect(await load(stalled)).toBe(REQUESTS);
    const moreMib = rssMib(stalled) - readMib;
    const lost = await dropped(stalled);
    console.log(`stalled: ${moreMib.toFixed(1)} MiB more, ${lost} of ${REQUESTS} lines dropped`);
    expect(moreMib).toBeLessThan(MORE_MIB_MAX);
    expect(lost).toBeGreaterThan(REQUESTS / 4);
    stalled.server.child.stdout?.resume();
    const line = await stalled.server.logged('log.dropped');
    expect(line).toMatchObject({ level: 'error', lines: lost, decisions: lost });
    expect(stalled.server.out.split('"auth.denied"')).toHaveLength(REQUESTS - lost + 1);
    expect(stalled.server.out.length).toBeLessThan(12 * MIB);
  });

  it('its reader goes', async () => {
    const alone = await start();
    alone.server.child.stdout?.destroy();
    expect(await load(alone)).toBe(REQUESTS);
    const moreMib = rssMib(alone) - readMib;
    console.log(`gone: ${moreMib.toFixed(1)} MiB more, ${await dropped(alone)} of ${REQUESTS} lines dropped`);
    expect(moreMib).toBeLessThan(MORE_MIB_MAX);
    expect(await dropped(alone)).toBeGreaterThan(REQUESTS / 4);
  });

  it('its partition is full', async () => {
    const full = await start(...redirected('>/dev/full'));
    expect(await load(full)).toBe(REQUESTS);
    const moreMib = rssMib(full) - readMib;
    console.log(`full: ${moreMib.toFixed(1)} MiB more, ${await dropped(full)} of ${REQUESTS} lines dropped`);
    expect(moreMib).toBeLessThan(MORE_MIB_MAX);
    expect(await dropped(full)).toBeGreaterThan(REQUESTS / 4);
  });
});
