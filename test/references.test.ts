import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SETTING_NAMES } from '../src/config/settings.ts';
import { LOG_EVENTS, LOG_FIELDS, type LogEvent } from '../src/observe/events.ts';
import { createLog } from '../src/observe/log.ts';
import { METRICS, type MetricName } from '../src/observe/metric-table.ts';
import { REFERENCES } from '../tools/references.ts';
import { unlistedOn } from './support/log-lines.ts';
import { TestServer } from './support/server.ts';

const ROOT = resolve(import.meta.dirname, '..');
const page = (name: string): string => readFileSync(resolve(ROOT, 'docs', name), 'utf8');
const sources = readdirSync(resolve(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('observe/events.ts'))
  .map((file) => readFileSync(resolve(ROOT, 'src', file), 'utf8'));
/** Those of a server without an engine. */
const ALONE = Object.entries(METRICS).filter(([, row]) => !('withEngine' in row));
const rows = (text: string): string[] => [...text.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, name]) => name as string);

describe('generated references (O5)', () => {
  it.each(Object.entries(REFERENCES))('docs/%s is what the code says (UPDATE_DOCS=1 writes it)', (name, made) => {
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(resolve(ROOT, 'docs', name), made());
    expect(page(name) === made(), 'UPDATE_DOCS=1 npx vitest run test/references.test.ts').toBe(true);
  });

  it('settings: each has its row', () => {
    expect(rows(page('settings.md'))).toEqual(SETTING_NAMES);
  });

  it('metrics: a running server has exactly the series of the page, each of its type, with its help', async () => {
    const server = await TestServer.start({ topic_classes: 'a,b', profile: 'micronode' });
    const text = await server.metrics();
    await server.stop();
    const found = [...text.matchAll(/^# HELP (\w+) (.*)\n# TYPE \w+ (\w+)$/gm)].map(([, name, help, type]) => [
      ...[name, type, help],
    ]);
    const listed = ALONE.map(([name, { type, help }]) => [name, type, help]);
    expect(found.sort()).toEqual(listed.sort());
    expect(rows(page('metrics.md')).sort()).toEqual(Object.keys(METRICS).sort());
  });

  it('metrics: labels are those of the table, and closed ones have no other value', async () => {
    const server = await TestServer.start({ ready_shards: '2' });
    await server.send('t', 'k');
    const text = await server.metrics();
    await server.stop();
    const problems = new Set<string>();
    for (const [, series = '', all = ''] of text.matchAll(/^(\w+)\{(.*)\} \S+$/gm)) {
      const name = series.replace(/_bucket$/, '') as MetricName;
      const row = METRICS[name] as { labels?: Record<string, readonly string[] | string> };
      for (const [, label = '', value = ''] of all.matchAll(/(\w+)="([^"]*)"/g)) {
        const values = row.labels?.[label];
        const isListed = label === 'le' || typeof values === 'string' || values?.includes(value);
        if (!isListed) problems.add(`${name} ${label}=${value}`);
      }
    }
    expect([...problems]).toEqual([]);
  });

  it('log events: each is said somewhere in the code, each field is one of some event, each has its row', () => {
    const events = Object.keys(LOG_EVENTS) as LogEvent[];
    expect(events.filter((event) => !sources.some((text) => text.includes(`'${event}'`)))).toEqual([]);
    const used = new Set<string>(events.flatMap((event) => LOG_EVENTS[event].fields));
    expect(Object.keys(LOG_FIELDS).filter((field) => !used.has(field))).toEqual([]);
    expect(rows(page('log-events.md')).slice(0, events.length)).toEqual(events.toSorted());
  });

  it('log events: nothing in the code logs what is not in the table: the compiler takes no other event, level or field', () => {
    const log = createLog('error', 'json', () => {});
    // @ts-expect-error no such event
    log.info('server.nonsense');
    // @ts-expect-error no such level of it
    log.info('journal.failed');
    // @ts-expect-error no such field of it
    log.error('journal.failed', { colour: 'red' });
    const line = { ts: '', level: 'info', service: '', event: 'server.ready' };
    expect(unlistedOn(line)).toEqual([]);
    expect(unlistedOn({ ...line, event: 'server.nonsense' })).toEqual(['event server.nonsense']);
    expect(unlistedOn({ ...line, level: 'error' })).toEqual(['server.ready at error']);
    expect(unlistedOn({ ...line, colour: 'red' })).toEqual(['server.ready.colour']);
  });

  it('metrics_prefix: before the name of every series (O1)', async () => {
    const server = await TestServer.start({ metrics_prefix: 'acme_mail_', profile: 'micronode' });
    const text = await server.metrics();
    await server.stop();
    const names = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name as string);
    expect(names.sort()).toEqual(ALONE.map(([name]) => `acme_mail_${name}`).sort());
    expect(text.split('\n').filter((line) => line !== '' && !/^(#|acme_mail_)/.test(line))).toEqual([]);
    for (const wrong of ['1a', 'a-b', 'a:b', 'a b', '', 'a'.repeat(65)])
      await expect(TestServer.start({ metrics_prefix: wrong }), wrong).rejects.toThrow(/metrics.prefix.*beginning/i);
  });
});
