import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: process.env['SUITE'] === 'slow' ? ['test/slow/**/*.test.ts'] : ['test/**/*.test.ts'],
    exclude: process.env['SUITE'] === 'slow' ? [] : ['test/slow/**'],
    globalSetup: 'test/support/global.ts',
    // Against a hang, not a measure: machines that are shared may be slow.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
    allowOnly: false,
    passWithNoTests: false,
  },
});
