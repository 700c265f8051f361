import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPERATIONS } from '../support/operations.ts';
import { isHere, told } from '../support/programs.ts';

const hadolint = process.env['HADOLINT'] ?? 'hadolint';

describe.skipIf(!isHere(hadolint, '--version'))('hadolint (unavailable where it is missing)', () => {
  it('finds nothing in the container file (U4)', () => {
    expect(told(hadolint, [resolve(OPERATIONS, 'container/Containerfile')])).toEqual({ status: 0, text: '' });
  });
});
