import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type BuildFailure, build, type Plugin } from 'esbuild';
import { codeMutantsOf } from './code-mutants.ts';
import { type Mutant, mutate } from './mutants.ts';
import type { Verdict } from './verdict.ts';
import { Worker } from './worker-process.ts';

export const ROOT = resolve(import.meta.dirname, '../..');
/** Where the lifecycle is decided: each of these files is mutated whole. */
export const CODE_FILES: readonly string[] = [
  ...['spec/lifecycle.ts', 'spec/message.machine.ts'],
  ...['decide', 'apply', 'forget', 'advance', 'due', 'recover', 'replay', 'execute', 'share'].map(
    (name) => `src/core/${name}.ts`,
  ),
  'src/service/commit.ts',
];

export const codeMutants = (): Mutant[] =>
  CODE_FILES.flatMap((file) => codeMutantsOf(file, readFileSync(join(ROOT, file), 'utf8')));

/** One file to run: `entry` with all it imports, and one source replaced by `contents`. @throws Error */
async function bundle(entry: string, outfile: string, path: string, contents: string): Promise<void> {
  const plugin: Plugin = {
    name: 'mutant',
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.ts$/ }, (args) => (args.path === path ? { contents, loader: 'ts' } : null)),
  };
  await build({
    entryPoints: [join(ROOT, 'tools/mutation', entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
    packages: 'external',
    // The models look for the specification from where they stand.
    define: { 'import.meta.url': JSON.stringify(`file://${ROOT}/src/model/models.ts`) },
    plugins: [plugin],
  });
}

/** Runs mutants of the code, one after another, in a process of its own. */
export class CodeLane {
  private readonly folder: string;
  private worker: Worker | null = null;
  private count = 0;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** `thorough`: if it gets through the tiny models it is run in the others, too, which takes minutes. */
  async run(mutant: Mutant, thorough: boolean): Promise<Verdict> {
    const original = readFileSync(join(ROOT, mutant.file), 'utf8');
    const path = join(this.folder, `${this.count++}.mjs`);
    try {
      await bundle('entry.ts', path, join(ROOT, mutant.file), mutate(original, mutant));
    } catch (error) {
      const { errors = [] } = error as Partial<BuildFailure>;
      // Anything else that goes wrong says nothing of the mutant.
      if (errors.every(({ location }) => location === null)) throw error;
      return { mutant, verdict: 'invalid', by: 'esbuild', why: errors[0]?.text ?? '' };
    }
    this.worker ??= await this.start();
    const { killedBy, why } = await this.worker.ask({ path, thorough });
    return killedBy === null
      ? { mutant, verdict: 'lives', by: '', why: '' }
      : { mutant, verdict: 'killed', by: killedBy, why };
  }

  private async start(): Promise<Worker> {
    const path = join(this.folder, 'worker.mjs');
    await bundle('worker.ts', path, '', '');
    return new Worker(path);
  }

  end(): void {
    this.worker?.end();
  }
}
