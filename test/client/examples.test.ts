import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer, until } from '../support/server.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const EXAMPLES = join(ROOT, 'examples');
const OPS = 'op = send,recv,ack,nack,extend,stats';

let project = '';
let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ max_attempts: '2', backoff_base: '1ms', backoff_max: '2ms' });
  project = mkdtempSync(join(tmpdir(), 'examples-'));
  // Somebody's project that has the package installed.
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(ROOT, join(project, 'node_modules/svc-mailbox'));
  for (const entry of readdirSync(EXAMPLES, { withFileTypes: true })) {
    if (entry.isFile()) writeFileSync(join(project, entry.name), readFileSync(join(EXAMPLES, entry.name)));
  }
});
afterAll(async () => {
  await server.stop();
  rmSync(project, { recursive: true });
});

interface Running {
  readonly child: ChildProcess;
  out: string;
  err: string;
  readonly code: Promise<number | null>;
}

function start(file: string, topic: string, capability = server.cap(`topic = ${topic}`, OPS)): Running {
  const env = { ...process.env, MAILBOX_URL: server.url, MAILBOX_CAP: capability, TOPIC: topic };
  const child = spawn(process.execPath, [file], { cwd: project, env });
  const running = { child, out: '', err: '', code: new Promise<number | null>((done) => child.on('close', done)) };
  child.stdout.on('data', (chunk: Buffer) => {
    running.out += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    running.err += chunk;
  });
  return running;
}

async function finish(running: Running): Promise<string> {
  expect([await running.code, running.err]).toEqual([0, '']);
  return running.out;
}

describe('examples: run as they stand (U1, U5)', () => {
  it('producer, twice: nothing is stored the second time; then the loop takes all of it', async () => {
    const first = await finish(start('producer.mjs', 't.produced'));
    const id = /^order-1000 is (\w{26})\n$/.exec(first)?.[1];
    expect(await finish(start('producer.mjs', 't.produced'))).toBe(`order-1000 is ${id}, as before\n`);
    const taken = await finish(start('loop.mjs', 't.produced'));
    expect(taken.split('\n')).toHaveLength(1003);
    expect(taken).toContain('order-1000: {"amount":1000}\n1001 of 1001\n');
    expect((await server.ask('GET', '/v1/stats?topic=t.produced')).body.depth).toBe(0);
  });

  it('consumer: goes on until Ctrl-C; then the dead letters of what it rejected and could not handle', async () => {
    const payloads = ['{"amount":1}', '{}', 'no json'];
    for (const [i, payload] of payloads.entries()) {
      await server.send('t.consumed', `order-${i}`, { payload_b64: Buffer.from(payload).toString('base64') });
    }
    const consumer = start('consumer.mjs', 't.consumed');
    await until(async () => (await server.ask('GET', '/v1/stats?topic=t.consumed')).body.dead_lettered === 2);
    await until(async () => (await server.ask('GET', '/v1/stats?topic=t.consumed')).body.depth === 0);
    consumer.child.kill('SIGINT');
    expect(await consumer.code).toBe(0);
    expect(consumer.out).toBe('order-0: 1 (attempt 1)\nstopped\n');
    expect(consumer.err).toContain('handler Reject: an order has an amount\n');

    const refused = start('dead-letters.mjs', 't.consumed');
    expect(await refused.code).toBe(0);
    expect(refused.err).toContain('E_CAP_SCOPE: ask for a capability with op = admin');
    const admin = server.cap('topic = t.consumed', 'op = admin');
    const listed = await finish(start('dead-letters.mjs', 't.consumed', admin));
    expect(listed).toContain('order-1: rejected after 1: an order has an amount\n');
    expect(listed).toMatch(/order-2: max_attempts after 2: SyntaxError: .*\n/);
    expect(listed).toContain('{ moved: 1, skipped: 0, failed: 0 }');
  });

  it('each has about twenty lines', () => {
    for (const name of readdirSync(EXAMPLES).filter((one) => /\.m?[jt]s$/.test(one))) {
      expect(readFileSync(join(EXAMPLES, name), 'utf8').split('\n').length, name).toBeLessThan(26);
    }
  });

  it('docs/client.md: its blocks run in order and print what they show', async () => {
    const text = readFileSync(join(ROOT, 'docs/client.md'), 'utf8');
    const blocks = [...text.matchAll(/```(js|console)\n([\s\S]*?)```/g)].map(([, kind, block]) => ({
      kind,
      block: block as string,
    }));
    const of = (kind: string) => blocks.filter((one) => one.kind === kind).map(({ block }) => block);
    expect(blocks.every(({ block }) => block.length > 0) && of('js').length).toBe(6);
    writeFileSync(join(project, 'page.mjs'), of('js').join('\n'));
    const running = start('page.mjs', 'demo', server.cap('topic = demo', OPS));
    expect(await finish(running)).toBe(of('console').join(''));
  });
});
