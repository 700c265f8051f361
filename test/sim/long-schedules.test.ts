import { describe, expect, it } from 'vitest';
import { comesOutAsDeclared, LONG_SCHEDULES, SHIPPED } from '../support/shipped.ts';

const LONG = SHIPPED.filter(({ name }) => LONG_SCHEDULES.includes(name));

describe('shipped schedules that take long', () => {
  it('are all there', () => {
    expect(LONG.map(({ name }) => name)).toEqual(LONG_SCHEDULES.toSorted());
  });

  it.each(LONG)(
    '$name: comes out as declared, with the hash on record, and is a behaviour of the specification (AC1, RT4, V4, V5)',
    (schedule) => comesOutAsDeclared(schedule),
  );
});
