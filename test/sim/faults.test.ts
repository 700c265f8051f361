import { describe, expect, it } from 'vitest';
import { FAULT_KINDS, PLANNED_KINDS, type PlannedKind, SCHEDULED } from '../../sim/faults/index.ts';
import { INJECTED, injectedOf, mayDamage, misplaced, scheduledOf } from '../../sim/faults/lookup.ts';
import { fieldOf } from '../../sim/faults/parameters.ts';
import { faultTable } from '../../sim/faults/table.ts';
import { readSchedule, shippedNames } from '../../sim/files.ts';
import { swarmSchedule } from '../../sim/fuzz/swarm.ts';
import { Stream } from '../../sim/random.ts';
import { parseSchedule } from '../../sim/schedule.ts';
import { holdsTables } from '../support/documents.ts';

/** Of nodes with a disk each, and of nodes that share an engine. */
const EVERYTHING = ['everything-at-once', 'engine-everything'];

describe('kinds of faults', () => {
  it('docs/simulator.md has the table of them as they are (UPDATE_DOCS=1 writes it)', () => {
    holdsTables('docs/simulator.md', { faults: faultTable() }, 'test/sim/faults');
    expect(faultTable()).toContain('| `crash` | process | `down` |');
  });

  it('each is in a schedule that shows it, and in the one that has all of them', () => {
    const kindsOf = (name: string): string[] => readSchedule(name).faults.map(({ kind }) => kind);
    const shown = new Set(
      shippedNames()
        .filter((name) => !EVERYTHING.includes(name))
        .flatMap(kindsOf),
    );
    expect(PLANNED_KINDS.filter((kind) => !shown.has(kind))).toEqual([]);
    const all = EVERYTHING.map(kindsOf);
    const isIn = (kind: PlannedKind): boolean => all.some((kinds) => kinds.includes(kind));
    expect(PLANNED_KINDS.filter((kind) => !isIn(kind))).toEqual([]);
    // Whatever a node of an engine can have, it has there.
    const own = ['relabel', 'verifier_down'];
    const left = PLANNED_KINDS.filter((kind) => misplaced(kind, true) === null && !own.includes(kind));
    expect(left.filter((kind) => !all[1]?.includes(kind))).toEqual([]);
  });

  it('each is drawn by some seed', () => {
    const drawn = new Set<string>();
    for (let seed = 1; seed <= 200; seed++) for (const { kind } of swarmSchedule(seed).faults) drawn.add(kind);
    expect(PLANNED_KINDS.filter((kind) => !drawn.has(kind))).toEqual([]);
  });

  it('those of an engine are refused without one, and those of a disk with one: file, line and field', () => {
    const withFault = (kind: string, topology: string): string =>
      `name: t\ndescription: d\nseed: 1\nduration: 1s\ntopology: ${topology}\nproducers: { count: 1, every: 1s }\nfaults: [ { kind: ${kind}, at: 0s, for: 1s } ]`;
    expect(() => parseSchedule(withFault('engine_full', 'separate'), 't.yaml')).toThrow(
      /t\.yaml:7:.*kind.*needs topology: engine/,
    );
    expect(() => parseSchedule(withFault('descriptors', 'engine'), 't.yaml')).toThrow(
      /t\.yaml:7:.*kind.*on their disks/,
    );
    expect(parseSchedule(withFault('engine_full', 'engine'), 't.yaml').setup.engine?.isReplicated).toBe(true);
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
