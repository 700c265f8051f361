import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Finished, MailboxProcess, run, runMany } from '../support/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'sim-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);
const sim = (...args: string[]): Promise<Finished> => run(['sim', ...args]);

describe('sim', () => {
  it('run: by name or file, the exit code says how it came out', async () => {
    const held = await sim('run', 'happy-path', '--seed', '5');
    expect([held.code, held.err]).toEqual([0, '']);
    expect(held.out).toMatch(/^seed {7}5$/m);
    expect(held.out).toMatch(/^version {4}\d+\.\d+\.\d+/m);
    expect(held.out).toMatch(/^verdict {4}held$/m);
    expect(held.out).toMatch(/^history {4}[\d,]+ operations: .*lost 0/m);
    const violated = await sim('run', 'sim/schedules/negative-reply-before-sync.yaml');
    expect(violated.code).toBe(10);
    expect(violated.out).toContain('as this schedule expects: ReplyDurableInv');
    const stuck = await sim('run', 'negative-stuck-clock');
    expect([stuck.code, stuck.out]).toEqual([11, expect.stringContaining('as this schedule expects: DeliveredLive')]);
  });

  it('run: JSON has what the text has, and the coverage of actions by faults', async () => {
    const { out, code } = await sim('run', 'swarm#7', '--json');
    const result = JSON.parse(out);
    expect(result).toMatchObject({ schedule: 'swarm-7', seed: 7, verdict: { kind: 'held' }, exit: 0 });
    expect(result.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(Object.keys(result.coverage)).toEqual(expect.arrayContaining(['Send', 'Crash', 'Recover', 'Tick']));
    expect(code).toBe(0);
  });

  it('check: reads schedules and replay files and runs nothing; each that is wrong is told with its place, exit 2', async () => {
    const wrong = file('wrong.yaml');
    writeFileSync(wrong, readFileSync('sim/schedules/happy-path.yaml', 'utf8').replace(/^duration.*$/m, 'duration: 2'));
    const [good, bad, schedule, configuration] = await runMany([
      ['sim', 'check', 'happy-path', 'sim/schedules/crash-loop.yaml', 'swarm#3'],
      ['sim', 'check', 'crash-loop', wrong, file('none.yaml'), '--json'],
      ['sim', 'schema'],
      ['config', 'schema'],
    ]);
    expect([good?.code, good?.out.split('\n').slice(0, 3)]).toEqual([
      0,
      [
        expect.stringMatching(/^happy-path: ok: happy-path: nodes 1, .* faults: none$/),
        expect.stringMatching(/^sim\/schedules\/crash-loop\.yaml: ok: crash-loop: .* faults: crash/),
        expect.stringMatching(/^swarm#3: ok: swarm-3: /),
      ],
    ]);
    expect([bad?.code, JSON.parse(bad?.out ?? '')]).toEqual([
      2,
      [
        expect.objectContaining({ file: 'crash-loop', ok: true }),
        {
          file: wrong,
          ok: false,
          says: expect.stringMatching(/wrong\.yaml:\d+:\d+: duration "2": must be a duration/),
        },
        { file: file('none.yaml'), ok: false, says: expect.stringContaining('no such schedule') },
      ],
    ]);
    expect(JSON.parse(schedule?.out ?? '')).toMatchObject({ type: 'object', additionalProperties: false });
    expect(JSON.parse(configuration?.out ?? '').properties.shard_capacity).toMatchObject({
      type: 'integer',
      minimum: 1,
    });
  });

  it('a run that missed its goals is held nowhere: text, JSON, page, replay, shrink (people: the same verdict everywhere)', async () => {
    const [schedule, page, saved] = [file('goals.yaml'), file('goals.html'), file('goals.json')];
    const text = readFileSync('sim/schedules/happy-path.yaml', 'utf8').replace(/^duration.*$/m, 'duration: 2s');
    writeFileSync(schedule, text.replace(/^goals.*$/m, 'goals: { recoveries: 3 }'));
    const { code, out } = await sim('run', schedule, '--json', '--report', page, '--save', saved);
    const verdict = { kind: 'goals_missed', line: 'GOALS MISSED: recoveries 0 of 3', badge: 'goals missed' };
    expect([code, JSON.parse(out)]).toEqual([11, expect.objectContaining({ exit: 11 })]);
    expect(JSON.parse(out).verdict).toMatchObject(verdict);
    const shown = readFileSync(page, 'utf8');
    expect(shown).toContain('<title>happy-path: goals missed</title>');
    expect(JSON.parse(/id="run">(.*)<\/script>/.exec(shown)?.[1] ?? '').verdict).toMatchObject(verdict);
    const replayed = await sim('replay', saved);
    expect(replayed.code).toBe(11);
    expect(replayed.out).toMatch(/^recorded .*: goals_missed recoveries 0 of 3\n[\s\S]*^verdict {4}GOALS MISSED/m);
    expect(JSON.parse((await sim('replay', saved, '--json')).out)).toMatchObject({ verdict, exit: 11 });
    const shrunk = await sim('shrink', saved);
    expect([shrunk.code, shrunk.err]).toEqual([2, expect.stringContaining('GOALS MISSED: recoveries 0 of 3: no rule')]);
  });

  it('export: ShiViz and ITF files', async () => {
    const [shiviz, itf] = [file('run.shiviz'), file('run.itf.json')];
    expect((await sim('run', 'long-polls', '--shiviz', shiviz, '--itf', itf)).code).toBe(0);
    expect(readFileSync(shiviz, 'utf8')).toMatch(/^\(\?<event>/);
    expect(JSON.parse(readFileSync(itf, 'utf8')).vars).toContain('epoch');
  });

  it('trace: what happened is a behaviour of the specification; with a line less it is not (V5)', async () => {
    const trace = file('run.ndjson');
    expect((await sim('run', 'crash-restart', '--trace', trace)).code).toBe(0);
    const checked = await run(['trace', 'check', trace]);
    expect([checked.code, checked.out]).toEqual([
      0,
      expect.stringMatching(/^a behaviour of the specification: [\d,]+ /),
    ]);
    const [header, ...lines] = readFileSync(trace, 'utf8').split('\n');
    expect(JSON.parse(header as string)).toMatchObject({ producer: 'simulator', constants: { MaxAttempts: 5 } });
    const without = lines.findIndex((line) => line.includes('"Recv"'));
    const fewer = lines.toSpliced(without, 1).filter((line) => line !== '');
    const numbered = fewer.map((line, i) => JSON.stringify({ ...JSON.parse(line), seq: i + 1 }));
    writeFileSync(trace, `${[header, ...numbered].join('\n')}\n`);
    expect(await run(['trace', 'check', trace])).toMatchObject({ code: 1, err: '' });
  });

  it('list: describes every schedule', async () => {
    const { out } = await sim('list');
    expect(out.trim().split('\n').length).toBeGreaterThanOrEqual(25);
    expect(out).toMatch(/^lossy-network {15}requests and replies are dropped/m);
    expect(out).toMatch(/\(must violate RevokedProp\)$/m);
    expect(JSON.parse((await sim('list', '--json')).out)[0]).toMatchObject({
      name: expect.any(String),
      faults: expect.any(Array),
    });
  });

  it('hash: of each run that is named', async () => {
    const hashes = JSON.parse((await sim('hash', 'swarm#1', 'swarm#2', 'swarm#1')).out);
    expect(Object.keys(hashes)).toEqual(['swarm#1', 'swarm#2']);
  });

  it('usage: wrong calls exit 2 and say how', async () => {
    const broken = file('broken.yaml');
    writeFileSync(broken, 'name: x\nduration: 10\n');
    writeFileSync(file('no.json'), '{}');
    const wrong: [string[], RegExp][] = [
      [
        ['run', 'no-such-schedule'],
        /^no-such-schedule: no such schedule; shipped are attenuated-quotas, auth-failure-flood, /,
      ],
      [['run', broken], /broken\.yaml:2:11: duration "10": must be a duration/],
      [['run', 'swarm'], /^swarm: needs a seed, like swarm#17/],
      [['run', 'happy-path', '--seed', '-1'], /^--seed "-1": must be a whole number 0\.\./],
      [['run', file('no.json')], /no\.json: format: must be/],
      [['fuzz', '--seeds', '9..1'], /^--seeds "9\.\.1": must be A\.\.B with A at most B/],
      [['fuzz', '--duration', 'long'], /^--duration "long": must be a duration, like/],
      [['fuzz', 'happy-path', '--swarm'], /^--swarm: draws its schedules/],
      [['fuzz', 'no-such'], /^no-such: no such schedule/],
      [['replay', file('none.json')], /none\.json: cannot be read \(ENOENT\)/],
      [['replay', file('no.json')], /no\.json: format: must be "svc-mailbox replay 1"/],
      [['shrink', 'happy-path.json'], /ENOENT/],
      [['diff', 'happy-path'], /missing required argument 'b'/],
      [['fuzz-worker'], /is not for people/],
    ];
    const finished = await runMany(wrong.map(([args]) => ['sim', ...args]));
    for (const [i, { code, out, err }] of finished.entries()) {
      expect([code, out, err], wrong[i]?.[0].join(' ')).toEqual([
        2,
        '',
        expect.stringMatching(wrong[i]?.[1] as RegExp),
      ]);
    }
  });

  it('output: a reader that has enough ends the command without an error', async () => {
    const child = new MailboxProcess(['sim', 'list']);
    child.child.stdout?.destroy();
    expect(await child.finished).toMatchObject({ code: 0, err: '' });
  });
});
