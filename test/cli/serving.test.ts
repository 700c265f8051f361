import { afterEach, describe, expect, it, vi } from 'vitest';
import * as serverProcess from '../../src/cli/server-process.ts';
import { reloader } from '../../src/cli/serving.ts';
import { type Config, loadConfig } from '../../src/config/load.ts';
import { createLog } from '../../src/observe/log.ts';
import { until } from '../support/server.ts';

afterEach(() => vi.restoreAllMocks());

const NO_SECRETS = { keyring: null, signer: null };
const configOf = (settings: Readonly<Record<string, string>> = {}): Config => loadConfig(settings, {});

/** A server whose reloads end when the test says so, and what the log says of them. */
class ReloadBench {
  /** What is read next. */
  config = configOf();
  readonly lines: Record<string, unknown>[] = [];
  begun = 0;
  private readonly under: (() => void)[] = [];
  readonly ask: () => void;

  constructor() {
    const log = createLog('info', 'json', (line) => this.lines.push(JSON.parse(line)));
    vi.spyOn(serverProcess, 'serverProcess').mockReturnValue({ log } as ReturnType<typeof serverProcess.serverProcess>);
    const reload = (): Promise<void> => {
      this.begun++;
      return new Promise((resolve) => this.under.push(resolve));
    };
    const inForce = { config: this.config, secrets: NO_SECRETS };
    this.ask = reloader(
      { reload },
      () => this.config,
      () => NO_SECRETS,
      inForce,
    );
  }

  /** Ends the one that is under way, and gives its line. */
  async end(): Promise<Record<string, unknown>> {
    const before = this.lines.length;
    this.under.shift()?.();
    await until(() => this.lines.length > before);
    return this.lines[before] as Record<string, unknown>;
  }
  async reload(config: Config): Promise<Record<string, unknown>> {
    const { begun } = this;
    this.config = config;
    this.ask();
    await until(() => this.begun > begun);
    return this.end();
  }
}

describe('reload of a server', () => {
  it('asked again while it is at it, however often: done once more afterwards, with what there is then (K1)', async () => {
    const bench = new ReloadBench();
    bench.ask();
    await until(() => bench.begun === 1);
    bench.config = configOf({ max_redrives: '9' });
    for (let i = 0; i < 3; i++) bench.ask();
    expect(await bench.end()).toMatchObject({ event: 'config.reloaded', changed: [] });
    await until(() => bench.begun === 2);
    expect(await bench.end()).toMatchObject({ event: 'config.reloaded', changed: ['max_redrives: 5 -> 9'] });
    expect(bench.begun).toBe(2);
  });

  it('what needs a restart is said with every reload until it is as it was (K1)', async () => {
    const bench = new ReloadBench();
    const moved = { bind: '127.0.0.1:9555' };
    const needed = ['bind: 127.0.0.1:9410 -> 127.0.0.1:9555'];
    expect(await bench.reload(configOf(moved))).toMatchObject({ changed: [], restart_needed: needed });
    const more = configOf({ ...moved, max_redrives: '9' });
    expect(await bench.reload(more)).toMatchObject({ changed: ['max_redrives: 5 -> 9'], restart_needed: needed });
    expect(await bench.reload(more)).toMatchObject({ changed: [], restart_needed: needed });
    expect(await bench.reload(configOf({ max_redrives: '9' }))).toMatchObject({ changed: [], restart_needed: [] });
  });
});
