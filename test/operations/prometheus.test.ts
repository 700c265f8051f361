import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { METRICS } from '../../src/observe/metric-table.ts';
import { dashboard, OPERATIONS, rulesOf, textOf } from '../support/operations.ts';
import { isHere, told } from '../support/programs.ts';
import { RealPrometheus } from '../support/prometheus.ts';
import { TestServer, until } from '../support/server.ts';

const PROMETHEUS = join(OPERATIONS, 'prometheus');
const isAvailable = isHere('promtool', '--version') && isHere('prometheus', '--version');
/** Ended with the test, also when it fails. */
const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});
const folder = mkdtempSync(join(tmpdir(), 'prometheus-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the page tells operators to do with the files where `metrics_prefix` is set to `acme_`. */
const [, renaming = ''] = /sed -i -E '([^']+)'/.exec(textOf('docs/operations.md')) ?? [];

/** A copy of the files; with a prefix, changed as the page says. */
function copyOf(prefix: string): string {
  const copy = join(folder, `files-${prefix}`);
  cpSync(OPERATIONS, copy, { recursive: true });
  if (prefix === '') return copy;
  const files = ['prometheus/mailbox.recording.yml', 'prometheus/mailbox.alerts.yml', 'grafana/mailbox.json'];
  expect(told('sed', ['-i', '-E', renaming, ...files], copy)).toEqual({ status: 0, text: '' });
  return copy;
}

/** Said by servers on an engine alone: their part of the dashboard is tried in postgres/serve.test.ts. */
const WITH_ENGINE = Object.entries(METRICS).flatMap(([name, row]) => ('withEngine' in row ? [name] : []));

/** Of everything that the dashboard shows something happens, once more at each call. */
async function traffic(server: TestServer, round: number): Promise<void> {
  const admin = server.cap('topic = t.orders', 'op = admin');
  for (let i = 0; i < 8; i++) await server.send('t.orders', `k-${round}-${i}`);
  await server.send('t.orders', `k-${round}-0`);
  const { messages } = (await server.post('/v1/recv', { topic: 't.orders', max_messages: 6, visibility_ms: 60_000 }))
    .body;
  const settle = (verb: string, { msg_id, receipt }: { msg_id: string; receipt: string }, more: object = {}) =>
    server.post(`/v1/${verb}/${msg_id}`, { receipt, ...more });
  for (const message of messages.slice(0, 3)) await settle('ack', message);
  await settle('nack', messages[3], { dead_letter: true });
  await settle('nack', messages[4], { retry_after_ms: 0 });
  await server.post('/v1/recv', { topic: 't.orders', max_messages: 5 });
  await server.post('/v1/dlq/reprocess', { topic: 't.orders', max_messages: 1 }, { cap: admin });
  await server.post('/v1/send', {}, { cap: null });
  await server.send('t.orders', 'x', { payload_hash: `b3:${'0'.repeat(64)}` });
}

describe.skipIf(!isAvailable)('with the real Prometheus (unavailable where promtool or prometheus is missing)', () => {
  it.each(['alerts', 'recording'])(
    'promtool: the rules of %s are valid, and hold what their tests say (O5)',
    (kind) => {
      expect(told('promtool', ['check', 'rules', `mailbox.${kind}.yml`], PROMETHEUS).text).toContain('SUCCESS');
      const { status, text } = told('promtool', ['test', 'rules', `mailbox.${kind}.test.yml`], PROMETHEUS);
      expect([status, text]).toEqual([0, expect.stringContaining('SUCCESS')]);
    },
  );

  it('promtool: the configuration is valid', () => {
    const { status, text } = told('promtool', ['check', 'config', 'prometheus.yml'], PROMETHEUS);
    expect([status, text]).toEqual([0, expect.stringContaining('SUCCESS')]);
  });

  it.each(['', 'acme_'])(
    'metrics_prefix "%s": each query of the dashboard returns data of a real server, and no rule fails (O5)',
    async (prefix) => {
      const files = copyOf(prefix);
      const settings = { profile: 'macronode', data: join(folder, `data-${prefix}`), ready_shards: '2' };
      const named = prefix === '' ? {} : { metrics_prefix: prefix };
      const server = await TestServer.start({ ...settings, ...named, topic_classes: 't.orders' });
      running.push(server);
      const config = join(files, 'prometheus/prometheus.yml');
      const text = readFileSync(config, 'utf8')
        .replaceAll('15s', '1s')
        .replace('127.0.0.1:9600', new URL(server.metricsUrl).host);
      writeFileSync(config, text);
      const prometheus = await RealPrometheus.start(config, join(folder, `prometheus-${prefix}`));
      running.push(prometheus);
      const queries = dashboard(readFileSync(join(files, 'grafana/mailbox.json'), 'utf8')).panels.flatMap(
        ({ title, targets = [] }) =>
          targets.map(({ expr }) => ({
            title,
            expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*'),
          })),
      );
      const ofEngine = ({ expr }: { readonly expr: string }): boolean =>
        WITH_ENGINE.some((name) => expr.includes(name));
      expect(new Set(queries.filter(ofEngine).map(({ title }) => title)).size).toBeLessThan(5);
      let waiting = queries.filter((query) => !ofEngine(query));
      let rounds = 0;
      let scraped = '';
      await until(async () => {
        // Once a scrape, so that every pair of scrapes has something between them: a rate over none of it is no number.
        const [up] = await prometheus.query('timestamp(up{job="mailbox"} == 1)');
        if (up !== undefined && up.value[1] !== scraped) {
          scraped = up.value[1];
          await traffic(server, rounds++);
        }
        const found = await Promise.all(waiting.map(({ expr }) => prometheus.query(expr)));
        waiting = waiting.filter((_, i) => !found[i]?.some(({ value: [, value] }) => value !== 'NaN'));
        return waiting.length === 0;
      }, 60_000).catch(() => {});
      expect(waiting).toEqual([]);
      const rules = await prometheus.rules();
      const expected = [...rulesOf('recording'), ...rulesOf('alerts')].map(({ record, alert }) => record ?? alert);
      expect(rules.map(({ name }) => name).sort()).toEqual(expected.sort());
      await until(async () => (await prometheus.rules()).every(({ health }) => health !== 'unknown'));
      expect((await prometheus.rules()).filter(({ health }) => health !== 'ok')).toEqual([]);
      const recorded = (): Promise<boolean[]> =>
        Promise.all(rulesOf('recording').map(async ({ record = '' }) => (await prometheus.query(record)).length > 0));
      await until(async () => !(await recorded()).includes(false));
    },
    120_000,
  );
});
