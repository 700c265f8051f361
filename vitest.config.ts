import { defineConfig } from 'vitest/config';

/** `slow` takes long, `browser` needs Chromium; without one everything else runs. */
const suite = process.env['SUITE'];

export default defineConfig({
  test: {
    include: suite === undefined ? ['test/**/*.test.ts'] : [`test/${suite}/**/*.test.ts`],
    exclude: suite === undefined ? ['test/slow/**', 'test/browser/**'] : [],
    globalSetup: 'test/support/global.ts',
    testTimeout: 30_000,
    maxWorkers: 2,
    allowOnly: false,
    passWithNoTests: false,
  },
});
