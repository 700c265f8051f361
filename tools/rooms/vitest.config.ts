import { defineConfig } from 'vitest/config';

/** Nothing is built for them: what needs the program is judged elsewhere. */
export default defineConfig({
  test: {
    include: (process.env['ROOM_TESTS'] ?? '').split(' ').map((pattern) => `${pattern}/*.test.ts`),
    exclude: ['test/journal/{lock,kill,process,system-*}.test.ts'],
    testTimeout: 60_000,
    isolate: false,
  },
});
