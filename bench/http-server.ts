/**
 * A server under load, in a process of its own: `raw` and `h3` echo the body, `direct` and `through-h3` are the mailbox in memory,
 * `durable` is `direct` with the journal.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { H3 } from 'h3';
import { toNodeHandler } from 'h3/node';
import { freshKey, Keyring } from '../src/auth/keyring.ts';
import { mint } from '../src/auth/mint.ts';
import { loadConfig } from '../src/config/load.ts';
import { createLog } from '../src/observe/log.ts';
import { startServer } from '../src/server/main.ts';

export type ServerKind = 'raw' | 'h3' | 'direct' | 'through-h3' | 'durable';
export interface Ready {
  readonly port: number;
  readonly capability: string;
  /** One that looks. */
  readonly viewer: string;
}
/** What it did between `begin` and `end`. */
export interface Work {
  readonly cpuMs: number;
  /** Writes of the log that were synced; 0 without one. */
  readonly syncs: number;
  /** How late the event loop was, p99. */
  readonly lateP99Ms: number;
}

async function start(kind: ServerKind): Promise<Ready> {
  if (kind === 'raw' || kind === 'h3') {
    const server = createServer();
    if (kind === 'h3') {
      const app = new H3().post('/**', async (event) => {
        const body = await event.req.text();
        return new Response(body, { headers: { 'content-type': 'application/json' } });
      });
      server.on('request', toNodeHandler(app));
    } else {
      server.on('request', (req, res) => {
        const chunks: Buffer[] = [];
        req.on('data', (chunk) => chunks.push(chunk));
        req.on('end', () => {
          const body = Buffer.concat(chunks);
          res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
          res.end(body);
        });
      });
    }
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as AddressInfo).port, capability: 'none', viewer: 'none' };
  }
  const many = '10000000';
  const { settings } = loadConfig(
    {
      bind: '127.0.0.1:0',
      ...(kind === 'durable' ? { profile: 'macronode', data: join(folder, 'data') } : { profile: 'micronode' }),
      metrics_bind: '127.0.0.1:0',
      console_bind: 'none',
      shard_capacity: many,
      global_inflight: many,
      dedup_capacity: many,
      settled_capacity: many,
      requests_per_socket: many,
      t_replay: '10s',
      // What a refusal costs is measured, not that it is held back.
      auth_failure_burst: '1000000',
    },
    {},
  );
  const keyring = new Keyring([freshKey('k1', Date.now())]);
  const log = createLog('info', 'json', () => {});
  const running = await startServer({
    settings,
    keyring,
    log,
    dispatch: kind === 'through-h3' ? 'all-h3' : 'all-direct',
  });
  metrics = running.metrics;
  const expires = `expires = ${Math.floor(Date.now() / 1000) + 3600}`;
  const capabilityFor = (ops: string): string =>
    mint(keyring, ['topic prefix bench.', `op = ${ops}`, expires, 'quota_ops = 100000000/1']).token;
  const port = Number(running.http.split(':')[1]);
  return { port, capability: capabilityFor('send,recv,ack,stats'), viewer: capabilityFor('view') };
}

const folder = mkdtempSync(join(tmpdir(), 'bench-server-'));
// What is being written to the log may still come into the folder while it goes.
process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 }));
process.on('SIGTERM', () => process.exit(0));

let metrics: string | null = null;

async function syncsSoFar(): Promise<number> {
  if (metrics === null) return 0;
  const text = await (await fetch(`http://${metrics}/metrics`)).text();
  return Number(/^journal_sync_latency_seconds_count (\d+)$/m.exec(text)?.[1] ?? 0);
}

const late = monitorEventLoopDelay({ resolution: 1 });
const NS_PER_MS = 1e6;
let before = process.cpuUsage();
let syncsBefore = 0;
process.on('message', async (message) => {
  const syncs = await syncsSoFar();
  const { user, system } = process.cpuUsage(before);
  const lateP99Ms = late.percentile(99) / NS_PER_MS;
  process.send?.({ cpuMs: (user + system) / 1000, syncs: syncs - syncsBefore, lateP99Ms } satisfies Work);
  if (message !== 'begin') return;
  syncsBefore = syncs;
  late.reset();
  late.enable();
  before = process.cpuUsage();
});
process.send?.(await start(process.argv[2] as ServerKind));
