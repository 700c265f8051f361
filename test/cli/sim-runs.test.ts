import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Finished, run } from '../support/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'sim-runs-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);
const sim = (...args: string[]): Promise<Finished> => run(['sim', ...args]);

/** The rest is in sim.test.ts. */
describe('sim: what takes long', () => {
  it('run: the same hash in two processes that differ in everything but the seed', async () => {
    const { code, out } = await sim('run', 'clock-jumps', '--check-determinism');
    expect([code, out]).toEqual([0, expect.stringMatching(/^same hash in both processes: [0-9a-f]{64}\n$/)]);
  });

  it('save, replay, diff, shrink: a failing run becomes a small file that says where it diverges', async () => {
    const [whole, small] = [file('whole.json'), file('small.json')];
    expect((await sim('run', 'negative-forgotten-acks', '--save', whole)).code).toBe(10);
    const replayed = await sim('replay', whole);
    expect([replayed.code, replayed.err]).toEqual([10, '']);
    expect(replayed.out).toMatch(/^verdict {4}SAFETY VIOLATED, as this schedule expects: PrefixProp/m);
    expect(replayed.out).toMatch(/^diverges {3}nowhere: all \d+ steps are as recorded$/m);
    const shrunk = await sim('shrink', whole, '--out', small);
    expect(shrunk.code).toBe(10);
    expect(shrunk.out).toMatch(/^shrunk {5}\d+ elements to 4 in/m);
    expect(shrunk.out).toContain('each element was taken out once more');
    expect(shrunk.out).toMatch(/^verdict {4}SAFETY VIOLATED, as this schedule expects: PrefixProp/m);
    const again = JSON.parse((await sim('replay', small, '--json')).out);
    expect(again).toMatchObject({ recorded: { minimal: true }, verdict: { rule: 'PrefixProp' }, divergesAt: null });
    const parted = await sim('diff', whole, small);
    expect([parted.code, parted.out]).toEqual([1, expect.stringMatching(/^they part at step \d+, of \d+ and \d+\n/)]);
    expect((await sim('diff', whole, whole)).out).toMatch(/^the same: \d+ steps\n$/);
    const text = readFileSync(small, 'utf8');
    writeFileSync(small, text.replace('"syncMs":{"min":1,"max":1}', '"syncMs":{"min":2,"max":2}'));
    expect((await sim('replay', small)).out).toMatch(/^diverges {3}at step \d+ of \d+; now it goes\n +\d+ /m);
  });

  it('fuzz: seeds on several threads, the same counts as on one', async () => {
    const [two, one] = await Promise.all(
      ['2', '1'].map(async (workers) =>
        JSON.parse((await sim('fuzz', '--seeds', '1..6', '--workers', workers, '--json')).out),
      ),
    );
    expect(two).toMatchObject({ exit: 0, caught: [], lastSeed: 6, counts: { runs: 6 } });
    expect(two.counts).toEqual(one.counts);
  });

  it('fuzz: what breaks is shrunk and saved, and printed with the command that repeats it', async () => {
    const schedule = file('deaf.yaml');
    const text = readFileSync('sim/schedules/negative-deaf-to-revocation.yaml', 'utf8');
    writeFileSync(schedule, text.replace(/^violates.*$/m, ''));
    const { code, out, err } = await sim('fuzz', schedule, '--seeds', '1..4', '--out', file('failures'));
    expect([code, err]).toEqual([10, '']);
    expect(out).toMatch(/^seed [1-4] of negative-deaf-to-revocation\n {2}SAFETY VIOLATED: RevokedProp/m);
    expect(out).toMatch(/shrunk {3}\d+ elements to [1-9], minimal/);
    expect(out).toMatch(/^ +\d+ +\d+ ms {2}node 0 +recv .*consumer \d.*\n {2}repeat/m);
    const repeat = /repeat {3}mailbox (sim replay (\S+))/.exec(out);
    expect(existsSync(repeat?.[2] as string)).toBe(true);
    expect((await run(String(repeat?.[1]).split(' '))).code).toBe(10);
  });

  it('fuzz: a goal that no run of a schedule reaches fails the batch, and is named with both numbers', async () => {
    const schedule = file('vain.yaml');
    const text = readFileSync('sim/schedules/long-polls.yaml', 'utf8');
    writeFileSync(
      schedule,
      text.replace('duration: 60s', 'duration: 5s').replace(/^goals.*$/m, 'goals: { recoveries: 3 }'),
    );
    const { code, out } = await sim('fuzz', schedule, '--seeds', '1..2');
    expect([code, out]).toEqual([11, expect.stringMatching(/^unreached {2}long-polls recoveries 0 of 3$/m)]);
    expect(out).toMatch(/^verdict {4}NEVER REACHED/m);
  });
});
