import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAULT_KINDS, PLANNED_KINDS, SCHEDULED } from '../../sim/faults/index.ts';
import { INJECTED, injectedOf, mayDamage, scheduledOf } from '../../sim/faults/lookup.ts';
import { fieldOf } from '../../sim/faults/parameters.ts';
import { faultTable } from '../../sim/faults/table.ts';
import { readSchedule, shippedNames } from '../../sim/files.ts';
import { swarmSchedule } from '../../sim/fuzz/swarm.ts';
import { Stream } from '../../sim/random.ts';

const DOCUMENT = resolve(import.meta.dirname, '../../docs/simulator.md');
const EVERYTHING = 'everything-at-once';

describe('kinds of faults', () => {
  it('docs/simulator.md has the table of them as they are (UPDATE_DOCS=1 writes it)', () => {
    const written = readFileSync(DOCUMENT, 'utf8');
    const made = written.replace(
      /(<!-- faults -->\n)[\s\S]*?(<!-- \/faults -->)/,
      (_, open, close) => open + faultTable() + close,
    );
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(DOCUMENT, made);
    else expect(written).toBe(made);
    expect(made).toContain('| `crash` | process | `down` |');
  });

  it('each is in a schedule that shows it, and in the one that has all of them', () => {
    const kindsOf = (name: string): string[] => readSchedule(name).faults.map(({ kind }) => kind);
    const shown = new Set(
      shippedNames()
        .filter((name) => name !== EVERYTHING)
        .flatMap(kindsOf),
    );
    expect(PLANNED_KINDS.filter((kind) => !shown.has(kind))).toEqual([]);
    expect(PLANNED_KINDS.filter((kind) => !kindsOf(EVERYTHING).includes(kind))).toEqual([]);
  });

  it('each is drawn by some seed', () => {
    const drawn = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) for (const { kind } of swarmSchedule(seed).faults) drawn.add(kind);
    expect(PLANNED_KINDS.filter((kind) => !drawn.has(kind))).toEqual([]);
  });

  it('none has the name of another, and each is found by its own', () => {
    for (const kinds of [PLANNED_KINDS, FAULT_KINDS]) expect(new Set(kinds).size).toBe(kinds.length);
    for (const fault of SCHEDULED) expect(scheduledOf(fault.kind)).toBe(fault);
    for (const fault of INJECTED) expect(injectedOf(fault.kind)).toBe(fault);
  });

  it('a drawn one has the parameters that it says it has, named by their units', () => {
    const random = new Stream(1, 'drawn');
    for (const { kind, parameters, draw } of SCHEDULED.map(({ kind }) => scheduledOf(kind))) {
      const drawn = draw(random, { who: 'all', forMs: { min: 1, max: 2 } });
      expect(Object.keys(drawn).sort(), kind).toEqual(Object.keys(parameters).sort());
      for (const [name, { unit }] of Object.entries(parameters))
        expect(fieldOf(name) !== name, name).toBe(unit === 'ms');
    }
  });

  it('what may be harmed is known of the kinds that do it, and of no others', () => {
    const harmful = (harm: 'clocks' | 'disk') => PLANNED_KINDS.filter((kind) => mayDamage([{ kind }], harm));
    expect(harmful('clocks')).toEqual(['clock_freeze', 'clock_drift']);
    expect(harmful('disk')).toEqual(['lost_sync', 'bit_flip', 'misdirected_write', 'lost_file', 'tail_flip']);
  });
});
