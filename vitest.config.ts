import { defineConfig } from 'vitest/config';

/** `slow` takes long, `browser` needs Chromium; without one everything else runs. */
const suite = process.env['SUITE'];

export default defineConfig({
  test: {
    include: suite === undefined ? ['test/**/*.test.ts'] : [`test/${suite}/**/*.test.ts`],
    exclude: suite === undefined ? ['test/slow/**', 'test/browser/**'] : [],
    globalSetup: 'test/support/global.ts',
    // Against a hang, not a measure: machines that are shared may be slow.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    allowOnly: false,
    passWithNoTests: false,
  },
});
