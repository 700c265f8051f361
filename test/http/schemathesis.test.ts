import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPENAPI_FILE } from '../../tools/openapi.ts';
import { document, type Json, operationOf, operations } from '../support/contract.ts';
import { Target } from '../support/target.ts';

/** The program `st` of the packages that its requirements pin; `.ci/run` installs them. Without it this fails, and is never skipped. */
const program = process.env['SCHEMATHESIS'] ?? 'st';
const FILES = resolve(import.meta.dirname, '../support/schemathesis');
/** Against a hang: the longest takes half a minute of one core. */
const RUN_MS_MAX = 200_000;
const STATEFUL_RUNS_MAX = 8;
const folder = mkdtempSync(join(tmpdir(), 'schemathesis-'));
let target: Target;
let capabilities: Record<string, string> = {};

/** Runs schemathesis to its end, or to the end of its time. */
async function run(args: readonly string[]): Promise<{ code: number | string; out: string }> {
  const env = { ...process.env, ...capabilities, PYTHONPATH: FILES, PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn(program, args, { cwd: folder, env, timeout: RUN_MS_MAX });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (out += chunk));
  const code = await new Promise<number | string>((done) => {
    child.on('error', ({ message }) => done(message));
    child.on('close', (status, signal) => done(status ?? (signal as string)));
  });
  return { code, out };
}

beforeAll(async () => {
  const { code, out } = await run(['--version']);
  if (code !== 0) throw new Error(`this test needs schemathesis (SCHEMATHESIS, or st in PATH): ${code} ${out}`);
  target = await Target.start({ enable_admin: '', auth_failure_burst: '1000000', log_level: 'info' });
  capabilities = {
    CAP: target.cap('topic = t', 'op = send,recv,ack,nack,extend,stats'),
    CAP_VIEW: target.cap('topic prefix t', 'op = view'),
    CAP_ADMIN: target.cap('topic = t', 'op = admin'),
    CAP_REVOKE: target.cap('topic = mailbox.admin', 'op = admin'),
  };
});
afterAll(async () => {
  await target?.stop();
  rmSync(folder, { recursive: true });
});

const post = async (path: string, body: object) => {
  const answer = await target.ask('POST', path, capabilities['CAP'] as string, body);
  expect(answer.status, answer.body.toString()).toBe(200);
  return JSON.parse(answer.body.toString());
};

/** More dead letters than a page has, and messages that wait: something at the end of every link. `name`: of this filling. */
async function fill(name: string): Promise<void> {
  const send = (count: number) => {
    const key = (i: number) => ({ topic: 't', idem_key: `${name}-${count}-${i}`, payload_b64: '' });
    return post('/v1/send/batch', { messages: Array.from({ length: count }, (_, i) => key(i)) });
  };
  await send(120);
  const received = (await post('/v1/recv', { topic: 't', max_messages: 120 })).messages;
  const nacks = received.map(({ msg_id, receipt }: Json) => ({ msg_id, receipt, dead_letter: true }));
  await post('/v1/nack/batch', { nacks });
  await send(256);
}

/** What schemathesis finds between a document and the server, and each thing that it did. */
async function judged(file: string, phases: string, ...more: string[]) {
  const report = join(folder, 'report.json');
  const events = join(folder, 'events.ndjson');
  const reporting = ['--report', 'json,ndjson', '--report-json-path', report, '--report-ndjson-path', events];
  const config = ['--config-file', join(FILES, 'schemathesis.toml')];
  const where = ['--url', `http://${target.host}:${target.port}`, '--phases', phases];
  const { code, out } = await run([...config, 'run', file, '--no-color', ...where, ...reporting, ...more]);
  if (typeof code === 'string') throw new Error(`schemathesis ended by ${code}: ${out.slice(-20_000)}`);
  const lines = readFileSync(events, 'utf8').trim().split('\n');
  return { code, out, report: JSON.parse(readFileSync(report, 'utf8')), events: lines.map((line) => JSON.parse(line)) };
}

/** The links that were followed, to an answer that the next request was meant to have. */
function* followed(events: Json[]): Generator<string> {
  for (const { recorder } of events.flatMap(({ ScenarioFinished }) => ScenarioFinished ?? [])) {
    for (const [id, { transition, is_transition_applied }] of Object.entries<Json>(recorder.cases)) {
      const status = recorder.interactions[id]?.response?.status_code;
      // What is sent again is a duplicate.
      const meant = transition?.id.includes(' again ') ? [200, 409] : [200];
      if (is_transition_applied && meant.includes(status)) yield transition.id;
    }
  }
}

/** A document that differs from the server. */
function altered(alter: (copy: Json) => void): string {
  const copy = structuredClone(document);
  alter(copy);
  const file = join(folder, 'altered.json');
  writeFileSync(file, JSON.stringify(copy));
  return file;
}

describe('schemathesis', () => {
  it('takes every request that the document allows, refuses every other, and answers as it says', async () => {
    const { code, out, report } = await judged(OPENAPI_FILE, 'coverage,fuzzing');
    expect([code, report.failures, report.errors], out.slice(-20_000)).toEqual([0, [], []]);
    expect(report.operations).toMatchObject({ total: operations.length, tested: operations.length });
    for (const phase of ['coverage', 'fuzzing']) expect(report.phases[phase].status).toBe('success');
    expect(report.test_cases.generated).toBeGreaterThan(1_000);
    expect(await target.metrics()).toMatch(/^internal_errors_total 0$/m);
  });

  it('gets from answer to request by every link', async () => {
    const left = new Set(
      operations.flatMap(({ name, responses }) =>
        Object.entries<Json>(responses['200'].links ?? {}).map(
          ([link, { operationId }]) => `${name} -> [200] ${link} -> ${operationOf(operationId).name}`,
        ),
      ),
    );
    expect(left.size).toBeGreaterThan(0);
    // More topics than a page has.
    const messages = Array.from({ length: 150 }, (_, i) => ({ topic: `t.${i}`, idem_key: 'k', payload_b64: '' }));
    const sender = target.cap('topic prefix t.', 'op = send');
    expect((await target.ask('POST', '/v1/send/batch', sender, { messages })).status).toBe(200);
    // Which links a run takes depends on what it finds there.
    for (let seed = 1; left.size > 0 && seed <= STATEFUL_RUNS_MAX; seed++) {
      await fill(`filling-${seed}`);
      const { code, out, report, events } = await judged(OPENAPI_FILE, 'stateful', '--seed', `${seed}`);
      expect([code, report.failures, report.errors], out.slice(-20_000)).toEqual([0, [], []]);
      for (const link of followed(events)) left.delete(link);
    }
    expect([...left]).toEqual([]);
    expect(await target.metrics()).toMatch(/^internal_errors_total 0$/m);
  });

  it('finds a schema that is wider than the server', async () => {
    const file = altered(({ paths }) => {
      delete paths['/v1/send'].post.requestBody.content['application/json'].schema.properties.payload_b64.pattern;
    });
    const { code, report } = await judged(file, 'coverage,fuzzing', '--include-path', '/v1/send', '--no-shrink');
    expect([code, report.failures.length]).toEqual([1, 1]);
    expect(JSON.stringify(report.failures)).toContain('Schema-valid request rejected');
  });

  it('finds a line of a stream that is not as the document says', async () => {
    await fill('lines');
    const file = altered(({ components }) => {
      components.schemas.Envelope.properties.shard = { const: 'none' };
    });
    const { code, report } = await judged(file, 'fuzzing', '--include-path', '/v1/recv/stream', '--no-shrink');
    expect(code).toBe(1);
    expect(JSON.stringify(report.failures)).toContain('each_line');
  });
});
