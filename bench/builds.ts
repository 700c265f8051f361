/**
 * CPU of a server a request, of several builds in one run: `node dist/bench/builds.js --builds old=/path/dist/mailbox.js,new=dist/mailbox.js`.
 * Each build is the server that users run, bundled, all settings at their defaults, with the journal and without. The figure is what the
 * system says that the process used, not how fast it went: so a busy machine makes it noisier, and not another. The builds take turns of
 * a tenth of a second, the servers are started anew for each round, and all are asked by the same load.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argumentsOf } from '../tools/arguments.ts';
import { ask, start } from './http.ts';
import type { Done, Job, Phase } from './http-load.js';
import { median } from './measure.ts';

const USAGE = `usage: node dist/bench/builds.js --builds NAME=PROGRAM[@NODE],NAME=PROGRAM[@NODE].. [--rounds 5] [--laps 16] [--payload 1024] [--journal on|off] [--batch on|off]
The first build is what the others are compared with: its CPU over theirs, so above 1 is cheaper than it.
NODE: the program of a Node to run it on, the one that runs this without it.`;
const text = { type: 'string' } as const;
const { values } = argumentsOf(USAGE, {
  builds: text,
  rounds: text,
  laps: text,
  payload: text,
  journal: text,
  batch: text,
});
const ROUNDS = Number(values.rounds ?? 5);
const LAPS = Number(values.laps ?? 16);
const PAYLOAD_BYTES = Number(values.payload ?? 1024);
const PHASES: readonly Phase[] = ['send', 'recv', 'ack'];
const BATCH = 32;
const SIZES = [1, BATCH].filter((size) => values.batch === undefined || size > 1 === (values.batch === 'on'));
const LANES = 32;
/** So short that the builds take turns within the time in which neighbours come and go; all of it may be leased at once. */
const messagesOf = (batch: number): number => (batch > 1 ? 2 * batch : 16);
/** Laps that only warm up. */
const WARM = 24;

interface Build {
  readonly name: string;
  readonly program: string;
  readonly node: string;
}

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
  readonly capability: string;
}

const folder = mkdtempSync(join(tmpdir(), 'bench-builds-'));
const children: ChildProcess[] = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** CPU of all threads of a process so far, in us. */
function cpuUs({ child }: Server): number {
  let ns = 0;
  for (const task of readdirSync(`/proc/${child.pid}/task`)) {
    ns += Number(readFileSync(`/proc/${child.pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  }
  return ns / 1000;
}

let started = 0;
async function serve({ program, node }: Build, journal: boolean): Promise<Server> {
  const own = join(folder, String(started++));
  const keyring = `${own}.keyring`;
  const run = (...args: string[]) => execFileSync(node, [program, ...args], { encoding: 'utf8' });
  run('keyring', 'init', keyring);
  const may = ['--topic-prefix', 'bench.', '--op', 'send,recv,ack', '--quota-ops', '100000000/1'];
  const { capability } = JSON.parse(run('cap', 'mint', '--keyring', keyring, ...may, '--expires', '1h', '--json')) as {
    capability: string;
  };
  const where = ['--bind', '127.0.0.1:0', '--metrics-bind', '127.0.0.1:0', '--keyring', keyring];
  const profile = journal ? ['--data', own] : ['--profile', 'micronode'];
  const help = run('serve', '--help');
  const noConsole = help.includes('--console-bind') ? ['--console-bind', 'none'] : [];
  const args = ['--max-semi-space-size=64', program, 'serve', ...where, ...profile, ...noConsole];
  const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const port = await new Promise<number>((resolve, reject) => {
    let text = '';
    child.once('exit', (code) => reject(new Error(`${program} ended: ${code}\n${text}`)));
    child.stdout?.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      const ready = /^.*"server.ready".*$/m.exec(text);
      const http = ready === null ? null : /"http":"[^"]*:(\d+)"/.exec(ready[0]);
      if (http !== null) resolve(Number(http[1]));
    });
  });
  return { child, port, capability };
}

const builds = (values.builds ?? 'this=dist/mailbox.js').split(',').map((each): Build => {
  const at = each.indexOf('=');
  const [program = '', node = process.execPath] = each.slice(at + 1).split('@');
  return { name: each.slice(0, at), program, node };
});
const load = start('./http-load.js', [], 1);
children.push(load);

interface Round {
  /** us a request over all of its laps, those in which the collector ran among them; */
  readonly mean: number;
  /** and in the cheapest of them: what else the machine does only adds. */
  readonly least: number;
}
const roundOf = (laps: readonly number[]): Round => ({
  mean: laps.reduce((sum, us) => sum + us, 0) / laps.length,
  least: Math.min(...laps),
});

/** By what was asked: of each build its rounds. */
type Figures = Map<string, Round[][]>;

async function lap(server: Server, name: string, batch: number): Promise<number[]> {
  const used: number[] = [];
  for (const phase of PHASES) {
    const { port, capability } = server;
    const job: Job = {
      ...{
        port,
        capability,
        phase,
        lanes: LANES,
        messages: messagesOf(batch),
        name,
        payloadBytes: PAYLOAD_BYTES,
        echo: false,
        keepsOpen: true,
      },
      ...(batch > 1 ? { batch } : {}),
    };
    const before = cpuUs(server);
    const { requests } = await ask<Done>(load, job);
    used.push((cpuUs(server) - before) / requests);
  }
  return used;
}

async function round(journal: boolean, number: number, figures: Figures): Promise<void> {
  const order = builds.map((_, i) => (i + number) % builds.length);
  const servers: Server[] = [];
  for (const i of order) servers[i] = await serve(builds[i] as Build, journal);
  for (const batch of SIZES) {
    const seen = builds.map(() => PHASES.map(() => [] as number[]));
    for (let n = -WARM; n < LAPS; n++) {
      for (const i of n % 2 === 0 ? order : [...order].reverse()) {
        const used = await lap(servers[i] as Server, `${number}.${batch}.${n + WARM}`, batch);
        if (n < 0) continue;
        used.forEach((us, phase) => {
          seen[i]?.[phase]?.push(us);
        });
      }
    }
    for (const [phase, name] of PHASES.entries()) {
      const key = `${journal ? 'journal' : 'memory '}  ${name}${batch > 1 ? ` x ${batch}` : ''}`;
      const rows = figures.get(key) ?? builds.map(() => []);
      figures.set(key, rows);
      rows.forEach((rounds, i) => {
        rounds.push(roundOf(seen[i]?.[phase] ?? []));
      });
    }
  }
  for (const { child } of servers) child.removeAllListeners('exit').kill('SIGKILL');
}

const row = (...cells: readonly string[]): void => console.log(cells.map((cell) => cell.padEnd(14)).join(''));
const figures: Figures = new Map();
for (let number = 0; number < ROUNDS; number++) {
  if (values.journal !== 'on') await round(false, number, figures);
  if (values.journal !== 'off') await round(true, number, figures);
}
const [base, ...others] = builds;
const figure = (rounds: readonly Round[]) => median(rounds.map(({ mean }) => mean));
const least = (rounds: readonly Round[]) => Math.min(...rounds.map((round) => round.least));
row(
  'request',
  `${base?.name} us`,
  ...others.flatMap(({ name }) => [`${name} us`, 'by rounds', '(from, to)', 'of least']),
);
for (const [key, [first = [], ...rest]] of figures) {
  const cells = rest.flatMap((rounds) => {
    const each = rounds.map(({ mean }, i) => (first[i] as Round).mean / mean).sort((a, b) => a - b);
    return [
      figure(rounds).toFixed(1),
      median(each).toFixed(3),
      `${each[0]?.toFixed(2)} ${each.at(-1)?.toFixed(2)}`,
      (least(first) / least(rounds)).toFixed(3),
    ];
  });
  row(key, figure(first).toFixed(1), ...cells);
}
process.exit(0);
