/** `npm run bench -- [NAME..]`, see `BENCHES`: every figure the documents quote comes from here. */
import { writeFileSync } from 'node:fs';
import { argumentsOf } from '../tools/arguments.ts';
import { benchAuth } from './auth.ts';
import { benchCore, benchMemory, CORE_CHILD, runCore } from './core.ts';
import { benchDurable } from './durable.ts';
import { benchFeed } from './feed.ts';
import { benchFrames } from './frames.ts';
import { benchFlood, benchHostile } from './hostile.ts';
import { benchHttp } from './http.ts';
import { benchAppend, benchRecovery } from './journal.ts';
import { benchSnapshot, benchSpace } from './journal-space.ts';
import { benchSync } from './journal-sync.ts';
import { benchLooks } from './looks.ts';
import { benchExplorer, benchTraceCheck } from './model.ts';
import { benchPeers } from './peers.ts';
import { reportOf } from './peers-report.ts';
import { benchRefusals, REFUSAL_AIM_MS } from './refusals.ts';
import { benchRoom, ROOM_CHILD, ROOM_SHAPES, weigh } from './room.ts';
import { benchHistory, benchSim, benchSimMemory } from './sim.ts';
import { benchWindow } from './window.ts';

const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
const row = (...cells: readonly string[]): void => console.log(cells.map((cell) => cell.padEnd(16)).join(''));

const BENCHES: Readonly<Record<string, () => Promise<void> | void>> = {
  auth: () => {
    row('us', 'aim', 'capability');
    for (const { name, us, aimUs } of benchAuth()) row(number(us, 2), aimUs === null ? '' : number(aimUs, 1), name);
  },
  looks: () => {
    row('p50 ms', 'worst ms', 'aim', 'look');
    for (const { name, p50Ms, worstMs, aimMs } of benchLooks())
      row(number(p50Ms, 3), number(worstMs, 2), number(aimMs), name);
  },
  feed: async () => {
    row('server', 'us a request', 'with a reader', 'ratio', 'facts/s told');
    for (const kind of ['direct', 'durable'] as const) {
      const { withoutUs, withUs, factsPerSecond } = await benchFeed(kind);
      row(kind, number(withoutUs, 1), number(withUs, 1), number(withUs / withoutUs, 3), number(factsPerSecond));
    }
  },
  hostile: async () => {
    row('us', 'of a send', 'request');
    for (const { name, us, ofSend } of await benchHostile()) row(number(us, 1), number(ofSend, 2), name);
    const { quietP99Ms, floodP99Ms, refusedPerHonest } = await benchFlood();
    row('quiet p99 ms', 'flood p99 ms', 'ratio', 'refused per honest');
    row(number(quietP99Ms, 2), number(floodP99Ms, 2), number(floodP99Ms / quietP99Ms, 2), number(refusedPerHonest, 1));
  },
  refusals: async () => {
    row('CPU ms', 'aim', 'bytes', 'status', 'request');
    for (const { name, status, bytes, ms } of await benchRefusals(6, 8, process.env['ONLY'])) {
      row(number(ms, 2), number(REFUSAL_AIM_MS), number(bytes), number(status), name);
    }
  },
  room: () => {
    row('counted', 'taken', 'taken of it', 'messages of');
    for (const { name, counted, taken } of benchRoom()) {
      row(number(counted), number(taken), number(taken / counted, 2), name);
    }
  },
  core: () => {
    for (const window of [1_000, 60_000]) {
      row('window', 'depth', 'lifecycles/s', 'against 1,000');
      const results = benchCore([1_000, 1_000_000], window);
      const first = results[0]?.lifecyclesPerSecond ?? Number.NaN;
      for (const { depth, lifecyclesPerSecond } of results) {
        row(number(window), number(depth), number(lifecyclesPerSecond), `x ${number(first / lifecyclesPerSecond, 2)}`);
      }
    }
  },
  window: () => {
    row('rows', 'bytes a row', 'lifecycles/s', 'p50 us', 'p99 us', 'at most ms');
    for (const rows of [100_000, Number(process.env['MESSAGES'] ?? 10_000_000)]) {
      const r = benchWindow(rows);
      row(
        ...[number(r.rows), number(r.bytes), number(r.lifecyclesPerSecond), number(r.p50Us, 1), number(r.p99Us, 1)],
        number(r.mostMs, 1),
      );
    }
  },
  memory: () => console.log(`bytes per queued message of 256 bytes: ${number(benchMemory())}`),
  journal: async () => {
    row('facts/sync', 'MB/s', 'dd MB/s', 'of dd', 'sync p50 ms', 'p99 ms');
    for (const factsPerSync of [32, 256]) {
      const { mbPerSecond, ddMbPerSecond, syncP50Ms, syncP99Ms } = await benchAppend({ factsPerSync });
      const ofDd = number(mbPerSecond / ddMbPerSecond, 2);
      row(
        `${factsPerSync}`,
        number(mbPerSecond),
        number(ddMbPerSecond),
        ofDd,
        number(syncP50Ms, 2),
        number(syncP99Ms, 2),
      );
    }
    row('facts', 'MiB', 'recovered/s');
    const { facts, mib, factsPerSecond } = await benchRecovery();
    row(number(facts), number(mib), number(factsPerSecond));
  },
  model: async () => {
    row('model', 'states', 'explorer/s', 'TLC/s', 'of TLC');
    for (const { model, states, explorer, tlc } of await benchExplorer(['MCLease', 'MCMailbox'])) {
      const against = tlc === null ? ['no Java', ''] : [number(tlc), number(explorer / tlc, 1)];
      row(model, number(states), number(explorer), ...against);
    }
    row('trace check: steps/s', number(benchTraceCheck()));
    row('peak MiB', number(process.resourceUsage().maxRSS / 1024));
  },
  sync: async () => {
    row('bytes', 'p50 ms', 'p99 ms', 'loop p99 ms', 'way');
    for (const { name, bytes, p50Ms, p99Ms, lateP99Ms } of await benchSync()) {
      row(number(bytes), number(p50Ms, 3), number(p99Ms, 2), number(lateP99Ms, 2), name);
    }
  },
  space: async () => {
    const messages = Number(process.env['MESSAGES'] ?? 10_000_000);
    const { mibMax, mibLast, mibWritten, snapshots, seconds } = await benchSpace({ messages });
    row('messages', 'written MiB', 'at most MiB', 'at the end', 'snapshots', 'seconds');
    row(number(messages), number(mibWritten), number(mibMax), number(mibLast), number(snapshots), number(seconds));
  },
  snapshot: async () => {
    row('messages', 'p99 ms', 'with a snapshot', 'adds ms', 'snapshot s', 'MiB');
    const { messages, p99Ms, p99SnapshotMs, seconds, mib } = await benchSnapshot({
      messages: Number(process.env['MESSAGES'] ?? 1_000_000),
    });
    const added = number(p99SnapshotMs - p99Ms, 2);
    row(number(messages), number(p99Ms, 2), number(p99SnapshotMs, 2), added, number(seconds, 1), number(mib));
  },
  durable: async () => {
    row('cycle', 'lanes', 'durable/s', 'of memory', 'of raw', 'facts/sync', 'p50 ms', 'memory p50', 'busy');
    const { figures, lateP99Ms } = await benchDurable({ rounds: Number(process.env['ROUNDS'] ?? 3) });
    for (const r of figures) {
      row(
        ...[r.phase, `${r.lanes}`, number(r.durable), number(r.ofMemory, 2), number(r.ofRaw, 2)],
        ...[number(r.factsPerSync, 1), number(r.p50Ms, 2), number(r.memoryP50Ms, 2), number(r.busy, 2)],
      );
    }
    console.log(`event loop at half of the peak, p99: ${number(lateP99Ms, 2)} ms late`);
  },
  sim: () => {
    row('events', 'events/s', 'x real time', 'schedule');
    for (const r of benchSim()) row(number(r.events), number(r.eventsPerSecond), number(r.timesRealTime), r.name);
    const { operations, seconds } = benchHistory();
    console.log(`history of ${number(operations)} operations checked in ${number(seconds, 2)} s`);
    const mebibytes = benchSimMemory().map((bytes) => number(bytes / 1024 ** 2));
    console.log(`heap in use after each quarter of the standard day: ${mebibytes.join(', ')} MiB`);
  },
  http: async () => {
    row('phase', 'server', 'requests/s', 'of raw', 'busy', 'p50 us', 'p99 us');
    for (const r of await benchHttp()) {
      row(
        r.phase,
        r.kind,
        number(r.requestsPerSecond),
        number(r.ofRaw, 2),
        number(r.busy, 2),
        number(r.p50Us),
        number(r.p99Us),
      );
    }
  },
  frames: async () => {
    row('format', 'acks', 'messages/s', 'of JSON', 'cpu us each', 'of JSON', 'busy');
    for (const r of await benchFrames({ rounds: Number(process.env['ROUNDS'] ?? 7) })) {
      row(
        ...[r.format, r.acking, number(r.messagesPerSecond), number(r.rateOfJson, 2)],
        ...[number(r.cpuUs, 1), number(r.cpuOfJson, 2), number(r.busy, 2)],
      );
    }
  },
};

const PEERS = 'peers';
const REPORT = 'docs/benchmarks.md';

async function peers(isWritten: boolean): Promise<void> {
  const rounds = Number(process.env['ROUNDS'] ?? 5);
  const report = reportOf(await benchPeers({ rounds, progress: (what) => console.error(what) }));
  console.log(report);
  if (isWritten) writeFileSync(REPORT, report);
}

const USAGE = `npm run bench [-- NAME..]: measures everything, or what is named; takes minutes
  ${Object.keys(BENCHES).join(', ')}
  peers: beside other servers, those that are installed; not among everything. --write: into ${REPORT}
MESSAGES=N and ROUNDS=N in the environment make window, space, snapshot, durable, frames and peers shorter or longer.`;

async function run(): Promise<void> {
  const { positionals, values } = argumentsOf(USAGE, { write: { type: 'boolean' } }, [...Object.keys(BENCHES), PEERS]);
  for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHES)) {
    console.log(`\n${name}`);
    await (name === PEERS ? peers(values.write === true) : BENCHES[name]?.());
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === CORE_CHILD) console.log(runCore(Number(rest[0]), Number(rest[1])));
else if (first === ROOM_CHILD) console.log(JSON.stringify(weigh(ROOM_SHAPES.find(({ name }) => name === rest[0])!)));
else await run();
