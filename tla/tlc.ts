/**
 * `npm run tlc [-- MODEL..]`: checks every model with TLC and prints a table. Fails on any surprise: a property that does not
 * hold, a negative model that passes, a state that is never reached, an output that says nothing.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkJava, tlcJar } from './jar.ts';
import { MODELS, type Model } from './models.ts';
import { livenessOf, parseTlc, surprise } from './output.ts';

const WORKERS = 2;

function runTlc(jar: string, model: Model): Promise<string> {
  const states = mkdtempSync(join(tmpdir(), 'tlc-'));
  const args = ['-XX:+UseParallelGC', '-cp', jar, 'tlc2.TLC', '-workers', String(WORKERS), '-metadir', states];
  if (model.expected.kind === 'reaches') args.push('-continue');
  args.push('-config', `${model.name}.cfg`, model.name);
  return new Promise((resolve, reject) => {
    const child = spawn('java', args, { cwd: import.meta.dirname });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', () => {
      rmSync(states, { recursive: true, force: true });
      resolve(output);
    });
  });
}

const cells = (...texts: readonly string[]): void =>
  console.log(texts.map((text, i) => (i === 0 ? text.padEnd(18) : i < 4 ? text.padStart(10) : `  ${text}`)).join(''));

/** What the verdict column says of a model that did as it must. */
function verdictOf({ expected }: Model): string {
  if (expected.kind === 'holds') return 'holds';
  return expected.kind === 'violates'
    ? `violates ${expected.name}, as it must`
    : `reaches all ${expected.names.length}`;
}

async function check(jar: string, model: Model): Promise<boolean> {
  if (process.stdout.isTTY) process.stdout.write(`${model.name} ..\r`);
  const startedMs = performance.now();
  const output = await runTlc(jar, model);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  try {
    const config = readFileSync(join(import.meta.dirname, `${model.name}.cfg`), 'utf8');
    const result = parseTlc(output, livenessOf(config));
    const surprised = surprise(result, model.expected);
    const depth = result.depth === null ? '-' : String(result.depth);
    const verdict = surprised === null ? verdictOf(model) : `FAILED: ${surprised}`;
    cells(model.name, result.distinct.toLocaleString('en'), depth, seconds, `${verdict}  (${model.about})`);
    if (surprised !== null) console.log(output.split('\n').slice(0, 200).join('\n'));
    return surprised === null;
  } catch (error) {
    cells(model.name, '-', '-', seconds, `FAILED: ${(error as Error).message}`);
    return false;
  }
}

async function main(names: readonly string[]): Promise<boolean> {
  const unknown = names.filter((name) => !MODELS.some((model) => model.name === name));
  if (unknown.length > 0)
    throw new Error(`no model ${unknown.join(', ')}; there are ${MODELS.map((m) => m.name).join(', ')}`);
  checkJava();
  const jar = tlcJar();
  cells('model', 'distinct', 'depth', 'seconds', 'verdict');
  let good = true;
  for (const model of MODELS)
    if (names.length === 0 || names.includes(model.name)) good = (await check(jar, model)) && good;
  return good;
}

main(process.argv.slice(2)).then(
  (good) => {
    process.exitCode = good ? 0 : 1;
  },
  (error: Error) => {
    console.error(`tlc: ${error.message}`);
    process.exitCode = 1;
  },
);
