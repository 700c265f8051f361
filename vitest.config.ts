import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** `slow` takes long, `browser` needs Chromium, `system` the programs below; without one everything else runs, with Node alone, in minutes. */
const suite = process.env['SUITE'];
/**
 * strace and leave to trace; libfaketime; openssl and curl; script; nginx and haproxy; schemathesis; prometheus, systemd, hadolint;
 * PostgreSQL, PgBouncer; git, tar and npm, which build the package and compile against it for a minute.
 */
const SYSTEM = [
  // With Node alone, but long.
  'test/conformance/large-graphs.test.ts',
  'test/cli/sim-runs.test.ts',
  'test/conformance/mutation-sample.test.ts',
  'test/conformance/pairs.test.ts',
  'test/drills/past.test.ts',
  'test/journal/kill.test.ts',
  'test/objects/serve.test.ts',
  'test/objects/real-bucket.test.ts',
  'test/sim/long-schedules.test.ts',
  'test/trace/history-tlc.test.ts',
  'test/attacks/resources.test.ts',
  'test/client/kill.test.ts',
  'test/client/examples.test.ts',
  'test/cluster/sharing.test.ts',
  'test/drills/authority-gone.test.ts',
  'test/journal/kept-history.test.ts',
  'test/sim/long-swarm.test.ts',
  'test/http/send-walk.test.ts',
  'test/journal/system-faults.test.ts',
  'test/journal/system-descriptors.test.ts',
  'test/drills/amnesia.test.ts',
  'test/drills/wall-clock.test.ts',
  'test/client/package.test.ts',
  'test/client/package-build.test.ts',
  'test/cli/readme.test.ts',
  'test/cli/tutorials.test.ts',
  'test/cli/terminal.test.ts',
  'test/http/proxies.test.ts',
  'test/http/proxy-behaviour.test.ts',
  'test/http/schemathesis.test.ts',
  'test/operations/lint.test.ts',
  'test/operations/prometheus.test.ts',
  'test/operations/systemd.test.ts',
  'test/operations/systemd-runs.test.ts',
  'test/postgres/conformance.test.ts',
  'test/postgres/connections.test.ts',
  'test/postgres/engine.test.ts',
  'test/postgres/example.test.ts',
  'test/postgres/export.test.ts',
  'test/postgres/members.test.ts',
  'test/postgres/nodes.test.ts',
  'test/postgres/serve.test.ts',
  'test/postgres/start.test.ts',
  'test/postgres/drills.test.ts',
];
const included = suite === undefined ? ['test/**/*.test.ts'] : [`test/${suite}/**/*.test.ts`];

/** They take longest: begun last, one of them would run alone for minutes. */
const LONG = [
  ...[
    'conformance/graphs.test.ts',
    'sim/schedules.test.ts',
    'cli/sim.test.ts',
    'cli/journal.test.ts',
    'sim/replay.test.ts',
  ],
  ...['cli/commands.test.ts', 'conformance/interleavings.test.ts', 'journal/process.test.ts'],
];
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = ({ moduleId }: TestSpecification): number => (LONG.some((name) => moduleId.endsWith(name)) ? 0 : 1);
    return (await super.sort(files)).toSorted((one, other) => others(one) - others(other));
  }
}

export default defineConfig({
  test: {
    include: suite === 'system' ? SYSTEM : included,
    exclude: suite === undefined ? ['test/slow/**', 'test/browser/**', ...SYSTEM] : [],
    globalSetup: 'test/support/global.ts',
    // Against a hang, not a measure: machines that are shared may be slow.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // One more than there are cores: many wait for processes, clocks and disks.
    maxWorkers: 3,
    // What a test needs for itself it makes for itself; nothing is loaded anew for each file.
    isolate: false,
    // A browser on a machine that is shared may miss a frame.
    retry: suite === 'browser' ? 2 : 0,
    sequence: { sequencer: LongFirst },
    allowOnly: false,
    passWithNoTests: false,
  },
});
