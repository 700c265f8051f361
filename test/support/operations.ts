import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';

const ROOT = resolve(import.meta.dirname, '../..');
export const OPERATIONS = resolve(ROOT, 'examples/operations');
export const textOf = (path: string): string => readFileSync(resolve(ROOT, path), 'utf8');

export interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export const rulesOf = (kind: 'alerts' | 'recording'): Rule[] =>
  parse(textOf(`examples/operations/prometheus/mailbox.${kind}.yml`)).groups.flatMap(
    (group: { rules: Rule[] }) => group.rules,
  );

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

export const dashboard = (text = textOf('examples/operations/grafana/mailbox.json')) =>
  JSON.parse(text) as {
    readonly title: string;
    readonly uid: string;
    readonly schemaVersion: number;
    readonly panels: readonly Panel[];
    readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  };
