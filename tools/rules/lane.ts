import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildFailure, build } from 'esbuild';
import { ROOT } from '../mutation/code.ts';
import { type Mutant, mutate } from '../mutation/mutants.ts';
import type { Verdict } from '../mutation/verdict.ts';
import { Worker } from '../mutation/worker-process.ts';

/** `entry` of the tools as one file, with one source exchanged. @throws Error */
const bundled = (entry: string, outfile: string, path = '', contents = '') =>
  build({
    ...{ entryPoints: [join(ROOT, 'tools', entry)], outfile, bundle: true, platform: 'node', format: 'esm' },
    ...{ target: 'node20', logLevel: 'silent', packages: 'external' },
    // The models look for the specification from where they stand.
    define: { 'import.meta.url': JSON.stringify(`file://${ROOT}/src/model/models.ts`) },
    plugins: [
      {
        name: 'mutant',
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, (args) => (args.path === path ? { contents, loader: 'ts' } : null)),
      },
    ],
  });

/** Asks the rules of one mutant after another, in a process of its own. */
export class RuleLane {
  private readonly folder: string;
  private worker: Worker | null = null;
  private count = 0;

  constructor(folder: string) {
    this.folder = folder;
  }

  async run(mutant: Mutant): Promise<Verdict> {
    const source = join(ROOT, mutant.file);
    const path = join(this.folder, `${this.count++}.mjs`);
    try {
      await bundled('mutation/entry.ts', path, source, mutate(readFileSync(source, 'utf8'), mutant));
    } catch (error) {
      const { errors = [] } = error as Partial<BuildFailure>;
      if (errors.every(({ location }) => location === null)) throw error;
      return { mutant, verdict: 'invalid', by: 'esbuild', why: errors[0]?.text ?? '' };
    }
    this.worker ??= await this.start();
    const { killedBy, why } = await this.worker.ask({ path, thorough: false });
    return { mutant, verdict: killedBy === null ? 'lives' : 'killed', by: killedBy ?? '', why };
  }

  private async start(): Promise<Worker> {
    const path = join(this.folder, 'worker.mjs');
    await bundled('rules/worker.ts', path);
    return new Worker(path);
  }

  end(): void {
    this.worker?.end();
  }
}
