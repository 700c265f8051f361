import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { METRICS, type MetricName } from '../../src/observe/metric-table.ts';
import { dashboard, type Panel, rulesOf, textOf } from '../support/operations.ts';

const alerts = rulesOf('alerts');
const records = rulesOf('recording').map(({ record }) => record as string);
const { panels, templating, ...board } = dashboard();
const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const expressions = [...alerts, ...rulesOf('recording')].map(({ expr }) => expr).concat(queries);

/** Series that an expression selects, with the labels it selects them by. */
const selected = (expr: string) =>
  [...expr.matchAll(/([a-zA-Z_:][\w:]*)\{([^}]*)\}/g)].map(([, name = '', by = '']) => ({
    name,
    labels: [...by.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, label = '', op = '', value = '']) => ({
      ...{ label, op, value },
    })),
  }));
const tableName = (name: string): MetricName => name.replace(/_(bucket|sum|count)$/, '') as MetricName;

describe('rules and dashboard (O5)', () => {
  it('select series that the server has, by labels and values that it has', () => {
    const wrong: string[] = [];
    for (const { name, labels } of expressions.flatMap(selected)) {
      if (records.includes(name) || name === 'up') continue;
      const row = METRICS[tableName(name)] as (typeof METRICS)['rejected_total'] | undefined;
      if (row === undefined) wrong.push(name);
      for (const { label, op, value } of labels) {
        if (['job', 'instance', 'le'].includes(label)) continue;
        const values = (row?.labels as Record<string, readonly string[] | string> | undefined)?.[label];
        if (values === undefined) wrong.push(`${name}{${label}}`);
        const asked = op === '=~' ? value.split('|') : [value];
        if (Array.isArray(values) && asked.some((one) => !values.includes(one)))
          wrong.push(`${name}{${label}=${value}}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(expressions.flatMap(selected).length).toBeGreaterThan(80);
  });

  it('select by job, so that another program with such a name is not meant', () => {
    for (const { name, labels } of expressions.flatMap(selected)) {
      expect(labels.some(({ label }) => label === 'job') || records.includes(name), name).toBe(true);
    }
  });

  it('the dashboard shows every series there is', () => {
    const shown = new Set(queries.flatMap(selected).map(({ name }) => tableName(name)));
    expect(Object.keys(METRICS).filter((name) => !shown.has(name as MetricName))).toEqual([]);
  });

  it('each alert says what, why, how bad, and has its runbook; no runbook is of none', () => {
    const [, section = ''] = /\n## Alerts\n([\s\S]*?)(?=\n## |$)/.exec(textOf('docs/operations.md')) ?? [];
    const books = [...section.matchAll(/^### (\w+)\n\n(.+)/gm)].map(([, name, text]) => [
      name,
      (text as string).length,
    ]);
    expect(books.map(([name]) => name)).toEqual(alerts.map(({ alert }) => alert));
    for (const [name, length] of books) expect(length, `${name}`).toBeGreaterThan(60);
    for (const { alert, labels, annotations } of alerts) {
      expect(['page', 'ticket'], alert).toContain(labels?.['severity']);
      expect(annotations?.['runbook']).toBe(`docs/operations.md#${alert?.toLowerCase()}`);
      expect(annotations?.['summary'], alert).toMatch(/\{\{ \$labels\.instance \}\}/);
      expect(annotations?.['description'], alert).toMatch(/\.$/);
    }
  });

  it('each alert and each record has a test of promtool, an alert one in which it is quiet too', () => {
    const { tests } = parse(textOf('examples/operations/prometheus/mailbox.alerts.test.yml'));
    const of = (isFiring: boolean): string[] =>
      tests
        .flatMap(({ alert_rule_test }: { alert_rule_test: object[] }) => alert_rule_test)
        .filter(({ exp_alerts }: { exp_alerts: object[] }) => exp_alerts.length > 0 === isFiring)
        .map(({ alertname }: { alertname: string }) => alertname);
    const names = alerts.map(({ alert }) => alert);
    expect([of(true), of(false)]).toEqual([names, names]);
    const tested = textOf('examples/operations/prometheus/mailbox.recording.test.yml');
    expect(records.filter((record) => !tested.includes(`- expr: ${record}\n`))).toEqual([]);
  });

  it('dashboard: what Grafana asks of one: ids, places, units, queries, variables', () => {
    expect(board).toMatchObject({ title: 'Mailbox', uid: 'svc-mailbox', schemaVersion: 38 });
    expect(templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['instance', 'query'],
    ]);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    const cells = ({ gridPos: { x, y, w, h } }: Panel): string[] =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
    for (const panel of panels) {
      expect(panel.gridPos.x + panel.gridPos.w, panel.title).toBeLessThanOrEqual(24);
      for (const cell of cells(panel)) {
        expect(taken.has(cell), `${panel.title} lies on another`).toBe(false);
        taken.add(cell);
      }
      if (panel.type === 'row') continue;
      expect(['timeseries', 'stat'], panel.title).toContain(panel.type);
      expect(panel.description, panel.title).not.toBe('');
      expect(panel.fieldConfig?.defaults.unit, panel.title).toMatch(/^\w+$/);
      const refs = panel.targets?.map(({ refId }) => refId) ?? [];
      expect([refs.length > 0, new Set(refs).size], panel.title).toEqual([true, refs.length]);
      for (const { legendFormat } of panel.targets ?? []) expect(legendFormat, panel.title).not.toBe('');
    }
  });
});
