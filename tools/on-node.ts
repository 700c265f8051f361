/** `npm run on-node -- --node MAJOR [--tests "PATH.." | --chosen]`: tests on another Node. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { argumentsOf, refuse, UsageError } from './arguments.ts';
import { CHOSEN, NODES, programOf } from './runtimes.ts';

const KNOWN = NODES.map(({ version }) => version.split('.')[0]).join(', ');
const UNAVAILABLE = 3;
const USAGE = `npm run on-node -- --node MAJOR [--tests "PATH.." | --chosen] [--counts FILE]
  --node MAJOR     on this Node: ${KNOWN}
  --tests "PATH.." those in these files or folders only
  --chosen         those in which one Node could differ from another
  --counts FILE    writes what passed and failed to it, as JSON
Exit: as the tests, 2 wrongly called, ${UNAVAILABLE} that Node is not here and cannot be installed.`;

const text = { type: 'string' } as const;
const options = { node: text, tests: text, chosen: { type: 'boolean' }, counts: text } as const;
const { node = '', tests = '', chosen = false, counts } = argumentsOf(USAGE, options).values;
const runtime =
  NODES.find(({ version }) => version.startsWith(`${node}.`)) ?? refuse(new UsageError(`node: one of ${KNOWN}`), USAGE);
if (chosen && tests !== '') refuse(new UsageError('chosen: not with tests'), USAGE);
const program = await programOf(runtime).catch((error: Error) => {
  console.error(`Node ${runtime.version} is not here and cannot be installed: ${error.message}`);
  process.exit(UNAVAILABLE);
});
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
console.log(`Node ${runtime.version}`);
const path = [dirname(program), process.env['PATH'] ?? ''].join(delimiter);
const only = chosen ? CHOSEN : tests.split(' ').filter((one) => one !== '');
const counted = counts === undefined ? [] : ['--reporter=default', '--reporter=json', `--outputFile.json=${counts}`];
const child = spawn(program, [vitest, 'run', ...counted, ...only], {
  stdio: 'inherit',
  env: { ...process.env, PATH: path },
});
child.once('exit', (code) => process.exit(code ?? 1));
