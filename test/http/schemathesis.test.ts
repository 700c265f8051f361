import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPENAPI_FILE } from '../../tools/openapi.ts';
import { document, operations } from '../support/contract.ts';
import { Target } from '../support/target.ts';

/** The program `st`, or where it is installed from: versions and hashes of all that comes with it. */
const GIVEN = process.env['SCHEMATHESIS'];
const FILES = resolve(import.meta.dirname, '../support/schemathesis');
const RUN_MS_MAX = 900_000;
const folder = mkdtempSync(join(tmpdir(), 'schemathesis-'));
let program = GIVEN ?? '';
let target: Target;
let capabilities: Record<string, string> = {};

/** Runs a program to its end, or to the end of its time. */
async function run(command: string, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(command, args, { cwd: folder, env: { ...process.env, ...env }, timeout: RUN_MS_MAX });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (out += chunk));
  const code = await new Promise<number | string>((done) => {
    child.on('error', ({ message }) => done(message));
    child.on('close', (status, signal) => done(status ?? (signal as string)));
  });
  return { code, out };
}

/** @throws Error where Python or its packages are not to be had: this never passes unseen */
async function install(): Promise<string> {
  const venv = join(folder, 'venv');
  const made = await run('python3', ['-m', 'venv', venv]);
  if (made.code !== 0) throw new Error(`this test needs python3 with venv: ${made.code} ${made.out}`);
  const pinned = ['--require-hashes', '--only-binary', ':all:', '-r', join(FILES, 'requirements.txt')];
  const installed = await run(join(venv, 'bin/pip'), ['install', '--quiet', ...pinned]);
  if (installed.code !== 0) throw new Error(`this test needs schemathesis: ${installed.out}`);
  return join(venv, 'bin/st');
}

beforeAll(async () => {
  if (GIVEN === undefined) program = await install();
  target = await Target.start({ enable_admin: '', auth_failure_burst: '1000000', log_level: 'info' });
  capabilities = {
    CAP: target.cap('topic = t', 'op = send,recv,ack,nack,extend,stats'),
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

/** More dead letters than a page has, and messages that wait: something at the end of every link. */
async function fill(): Promise<void> {
  for (const count of [120, 200]) {
    const messages = Array.from({ length: count }, (_, i) => ({
      topic: 't',
      idem_key: `${count}-${i}`,
      payload_b64: '',
    }));
    await post('/v1/send/batch', { messages });
    if (count > 120) return;
    const received = (await post('/v1/recv', { topic: 't', max_messages: count })).messages;
    const nacks = received.map(({ msg_id, receipt }: Record<string, string>) => ({
      msg_id,
      receipt,
      dead_letter: true,
    }));
    await post('/v1/nack/batch', { nacks });
  }
}

let runs = 0;
/** What schemathesis finds between a document and the server. */
async function judged(file: string, ...more: string[]) {
  const report = join(folder, `report-${++runs}.json`);
  const config = ['--config-file', join(FILES, 'schemathesis.toml')];
  const reporting = ['--no-color', '--report', 'json', '--report-json-path', report];
  const url = ['--url', `http://${target.host}:${target.port}`];
  const env = { ...capabilities, PYTHONPATH: FILES, PYTHONDONTWRITEBYTECODE: '1' };
  const { code, out } = await run(program, [...config, 'run', file, ...url, ...reporting, ...more], env);
  return { code, out, report: JSON.parse(readFileSync(report, 'utf8')) };
}

describe('schemathesis', () => {
  it('takes every request that the document allows, refuses every other, answers as it says, and every link leads on', async () => {
    await fill();
    const { code, out, report } = await judged(OPENAPI_FILE);
    expect([code, report.failures, report.errors], out.slice(-20_000)).toEqual([0, [], []]);
    expect(report.operations).toMatchObject({ total: operations.length, tested: operations.length });
    for (const phase of ['coverage', 'fuzzing', 'stateful']) expect(report.phases[phase].status).toBe('success');
    expect(report.test_cases.generated).toBeGreaterThan(1_000);
    const links = operations.flatMap(({ responses }) => Object.keys(responses['200'].links ?? {})).length;
    expect(out).toContain(`${links} covered / ${links} selected / ${links} total`);
    expect(await target.metrics()).toMatch(/^internal_errors_total 0$/m);
  });

  it('finds a schema that is wider than the server', async () => {
    const wider = structuredClone(document);
    delete wider.paths['/v1/send'].post.requestBody.content['application/json'].schema.properties.payload_b64.pattern;
    const file = join(folder, 'wider.json');
    writeFileSync(file, JSON.stringify(wider));
    const { code, report } = await judged(file, '--phases', 'fuzzing,coverage', '--include-path', '/v1/send');
    expect(code).toBe(1);
    expect(report.failures).toHaveLength(1);
    expect(JSON.stringify(report.failures)).toContain('Schema-valid request rejected');
  });
});
