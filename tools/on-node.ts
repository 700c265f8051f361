/** `npm run on-node -- MAJOR [ARGUMENT..]`: the tests on another Node, with the arguments of vitest. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { NODES, programOf } from './runtimes.ts';

const [major = '', ...rest] = process.argv.slice(2);
const runtime = NODES.find(({ version }) => version.startsWith(`${major}.`));
if (runtime === undefined) {
  const known = NODES.map(({ version }) => version.split('.')[0]).join(', ');
  console.error(`npm run on-node -- MAJOR [ARGUMENT..]: the tests on Node ${known}, with the arguments of vitest`);
  process.exit(2);
}
const program = await programOf(runtime);
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
console.log(`Node ${runtime.version}`);
const path = [dirname(program), process.env['PATH'] ?? ''].join(delimiter);
const child = spawn(program, [vitest, 'run', ...rest], { stdio: 'inherit', env: { ...process.env, PATH: path } });
child.once('exit', (code) => process.exit(code ?? 1));
