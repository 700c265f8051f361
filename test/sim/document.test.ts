import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GOAL_NAMES } from '../../sim/checkers/tally.ts';
import { TEMPER_NAMES } from '../../sim/clients/consumer.ts';
import { SIM_EXIT } from '../../sim/conclusion.ts';
import { DEFECTS } from '../../sim/defects.ts';
import { PLANNED_KINDS, type PlannedKind } from '../../sim/faults/index.ts';
import { misplaced, scheduledOf } from '../../sim/faults/lookup.ts';
import { fieldOf } from '../../sim/faults/parameters.ts';
import { readSchedule } from '../../sim/files.ts';
import { formatResult } from '../../sim/report/text.ts';
import { runSchedule } from '../../sim/run.ts';
import { parseSchedule } from '../../sim/schedule.ts';
import { tableIn } from '../../tools/documents.ts';
import { PLANTED } from './planted/bugs.ts';
import { BY_OTHERS, CAUGHT_BY_TEST } from './planted/by-others.ts';
import { ON_ENGINE } from './planted/on-engine.ts';

const text = readFileSync(resolve(import.meta.dirname, '../../docs/simulator.md'), 'utf8');
const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(text) ?? [];

/** A fault of this kind with all that must be said of it, and something that nobody knows. */
function unknownIn(kind: PlannedKind): string {
  const needed = Object.entries(scheduledOf(kind).parameters).filter(([, { fallback }]) => fallback === null);
  const values = needed.map(([name, { unit, schema }]) => {
    const [first] = (schema as { enum?: readonly string[] }).enum ?? [];
    return `${fieldOf(name)}: ${unit === 'ms' ? '1s' : (first ?? 1)}, `;
  });
  return `faults: [ { kind: ${kind}, at: 0s, ${values.join('')}zzz: 1 } ]`;
}

function messageOf(schedule: string): string {
  try {
    parseSchedule(schedule, 'slow-deploy.yaml');
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('docs/simulator.md', () => {
  it('its schedule runs as it is shown there, line by line apart from speed and version', () => {
    const lines = formatResult(runSchedule(parseSchedule(yaml, 'slow-deploy.yaml')), 1).split('\n');
    for (const line of lines.filter((line) => !/^(speed|version) /.test(line))) expect(text).toContain(`\n${line}\n`);
  });

  it('README.md: the run that is shown there, apart from speed, version and what is left out', () => {
    const readme = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8');
    const lines = formatResult(runSchedule(readSchedule('lossy-network')), 1).split('\n');
    for (const line of lines.filter((line) => !/^(speed|version|happened) /.test(line)))
      expect(readme).toContain(`\n${line}\n`);
    const shown =
      /^happened +(.*)$/m
        .exec(readme)?.[1]
        ?.split(', ')
        .filter((item) => item !== '..') ?? [];
    const happened = lines.find((line) => line.startsWith('happened '))?.split(/(?:happened +|, (?=[a-z]))/) ?? [];
    expect(shown.length).toBeGreaterThan(4);
    expect(shown.filter((item) => !happened.includes(item))).toEqual([]);
  });

  it('what is said to be wrong is what is said', () => {
    for (const [from, to] of [
      ['down:', 'dwon:'],
      ['every: 100ms..300ms', 'every: 300ms..100ms'],
    ] as const) {
      expect(yaml).toContain(from);
      expect(text).toContain(`\n${messageOf(yaml.replace(from, to)) || 'nothing'}\n`);
    }
  });

  it('the table of planted bugs has each of them, found within two minutes; the median case has at most 12 elements', () => {
    const table = tableIn(text, 'planted');
    const rows = [
      ...table.matchAll(/^\| `([a-z-]+)` \| (.+) \| \w+ \| (\d+) \| (\d+) s \| (\d+)(?: \(not minimal\))? \|$/gm),
    ];
    expect(rows.map(([, name, what]) => [name, what])).toEqual(PLANTED.map(({ name, what }) => [name, what]));
    for (const [, name, , , seconds] of rows) expect(Number(seconds), name).toBeLessThanOrEqual(120);
    const sizes = rows.map(([, , , , , elements]) => Number(elements)).sort((a, b) => a - b);
    expect(sizes[sizes.length >> 1]).toBeLessThanOrEqual(12);
  });

  it('the bugs that others planted: all that are found, within a minute of two cores, and the tests of those that are not', () => {
    const table = tableIn(text, 'by others');
    const rows = [...table.matchAll(/^\| `([a-z-]+)` \| (.+) \| \w+ \| (\d+) \| (\d+) s \|$/gm)];
    expect(rows.map(([, name, what]) => [name, what])).toEqual(BY_OTHERS.map(({ name, what }) => [name, what]));
    for (const [, name, , , seconds] of rows) expect(Number(seconds), name).toBeLessThanOrEqual(120);
    for (const { bug, why, test } of CAUGHT_BY_TEST)
      expect(text).toContain(`\n| \`${bug.name}\` | ${bug.what} | ${why} | \`${test}\``);
  });

  it('the table of mistakes about an engine has each of them, and the schedule that finds it', () => {
    const table = tableIn(text, 'on an engine');
    const rows = ON_ENGINE.map(
      ({ bug, rule, schedule }) => `| \`${bug.name}\` | ${bug.what} | ${rule} | \`${schedule}\` |`,
    );
    expect(table.trim().split('\n').slice(2)).toEqual(rows);
  });

  it('names every fault, temper, goal, defect and exit code', () => {
    const names = [...PLANNED_KINDS, ...TEMPER_NAMES, ...GOAL_NAMES, ...DEFECTS];
    expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
    for (const code of Object.values(SIM_EXIT)) expect(text).toContain(`| ${code} | `);
  });

  it('names every field that a schedule may have', () => {
    const least = ['name: t', 'description: d', 'seed: 1', 'duration: 1s'];
    const producers = 'producers: { count: 1, every: 1s }';
    const unknown = [
      [producers, 'zzz: 1'],
      ['producers: { count: 1, every: 1s, zzz: 1 }'],
      [producers, 'limits: { zzz: 1 }'],
      [producers, 'network: { zzz: 1 }'],
      [producers, 'admin: { every: 1s, zzz: 1 }'],
      [producers, 'capabilities: { zzz: 1 }'],
      [producers, 'consumers: [ { kind: good, count: 1, zzz: 1 } ]'],
      [producers, 'topology: engine', 'engine: { zzz: 1 }'],
      ...PLANNED_KINDS.map((kind) => [
        producers,
        ...(misplaced(kind, false) === null ? [] : ['topology: engine']),
        unknownIn(kind),
      ]),
    ].map((lines) => messageOf([...least, ...lines].join('\n')));
    expect(unknown.filter((message) => !message.includes('known here are '))).toEqual([]);
    const known = unknown.flatMap((message) => message.split('known here are ')[1]?.split(', ') ?? []);
    expect(new Set(known).size).toBeGreaterThan(70);
    expect([...new Set(known)].filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });
});
