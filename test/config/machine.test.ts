import { describe, expect, it } from 'vitest';
import { memoryBoundsOf } from '../../src/config/limits.ts';
import { loadConfig, shown } from '../../src/config/load.ts';
import { thisMachine } from '../../src/config/machine.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const machine = { memoryBytes: 8 * GIB, heapBytes: 4 * GIB };
const load = (given: Record<string, string> = {}, of = machine) => loadConfig(given, {}, undefined, of);
const shownOf = (name: string) => shown(load()).find((row) => row.name === name);

describe('memory budgets come from the machine (BD0)', () => {
  it('a quarter and an eighth of the memory, 0.35 and a quarter of the heap at most', () => {
    expect(load().settings).toMatchObject({ memory: 1433 * MIB, window_memory: 1024 * MIB });
    const small = { memoryBytes: 2 * GIB, heapBytes: 4 * GIB };
    expect(load({}, small).settings).toMatchObject({ memory: 512 * MIB, window_memory: 256 * MIB });
    expect(load({ memory: '3GiB' }).settings).toMatchObject({ memory: 3 * GIB, window_memory: 1024 * MIB });
  });

  it('what is in force is shown, and that it is the default', () => {
    expect(shownOf('memory')).toMatchObject({ value: '1433MiB', origin: 'default', live: true });
    expect(shownOf('window_memory')).toMatchObject({ value: '1GiB', origin: 'default', live: true });
  });

  it('budgets that do not fit are refused with the sums', () => {
    expect(() => load({ memory: '8GiB' })).toThrow(
      'memory: memory 8GiB + window_memory 1GiB is more than the 8GiB that this process may use',
    );
    expect(() => load({ window_memory: '3GiB' })).toThrow(
      /^window_memory: at most .*, 0\.6 of its heap of 4GiB; node --max-old-space-size=MIB gives it more$/,
    );
  });

  it('the heap bounds both, whatever the settings allow', () => {
    expect(memoryBoundsOf(load({ memory: '6GiB' }).settings, machine)).toEqual({
      memoryMax: 6 * GIB,
      windowMax: GIB,
      heapMax: Math.floor(2.4 * GIB),
      appendMax: 32 * MIB,
    });
  });

  it('this machine has some', () => {
    const { memoryBytes, heapBytes } = thisMachine();
    expect(memoryBytes).toBeGreaterThan(256 * MIB);
    expect(heapBytes).toBeGreaterThan(64 * MIB);
  });
});
