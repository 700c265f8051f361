import { defineConfig } from 'vitest/config';

/** `slow` takes long, `browser` needs Chromium, `system` the programs below; without one everything else runs, with Node alone. */
const suite = process.env['SUITE'];
/** strace and leave to trace; openssl and curl. */
const SYSTEM = ['test/journal/system-faults.test.ts', 'test/drills/amnesia.test.ts', 'test/cli/readme.test.ts'];
const included = suite === undefined ? ['test/**/*.test.ts'] : [`test/${suite}/**/*.test.ts`];

export default defineConfig({
  test: {
    include: suite === 'system' ? SYSTEM : included,
    exclude: suite === undefined ? ['test/slow/**', 'test/browser/**', ...SYSTEM] : [],
    globalSetup: 'test/support/global.ts',
    // Against a hang, not a measure: machines that are shared may be slow.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    allowOnly: false,
    passWithNoTests: false,
  },
});
