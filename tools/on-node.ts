/** `npm run on-node -- --node MAJOR [--tests "PATH.."]`: the tests, or those in these files or folders, on another Node. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { argumentsOf, refuse, UsageError } from './arguments.ts';
import { NODES, programOf } from './runtimes.ts';

const KNOWN = NODES.map(({ version }) => version.split('.')[0]).join(', ');
const USAGE = `npm run on-node -- --node MAJOR [--tests "PATH.."]
  --node MAJOR     on this Node: ${KNOWN}
  --tests "PATH.." those in these files or folders only
Exit: as the tests, 2 wrongly called.`;

const { node = '', tests = '' } = argumentsOf(USAGE, { node: { type: 'string' }, tests: { type: 'string' } }).values;
const runtime =
  NODES.find(({ version }) => version.startsWith(`${node}.`)) ?? refuse(new UsageError(`node: one of ${KNOWN}`), USAGE);
const program = await programOf(runtime);
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
console.log(`Node ${runtime.version}`);
const path = [dirname(program), process.env['PATH'] ?? ''].join(delimiter);
const only = tests.split(' ').filter((one) => one !== '');
const child = spawn(program, [vitest, 'run', ...only], { stdio: 'inherit', env: { ...process.env, PATH: path } });
child.once('exit', (code) => process.exit(code ?? 1));
