import { spawn } from 'node:child_process';

/** Two surroundings that differ in everything a run might depend on by mistake. */
const SURROUNDINGS = [
  { flags: ['--hash-seed=1'], env: { TZ: 'UTC', LANG: 'C' } },
  {
    flags: ['--hash-seed=7', '--max-lazy'],
    env: { TZ: 'Pacific/Chatham', LANG: 'tr_TR.UTF-8' },
  },
];

/** The hashes of the same run in processes of their own. */
export function sameTwice(name: string, seed: number): Promise<string[]> {
  return Promise.all(SURROUNDINGS.map(({ flags, env }) => hashOf(name, seed, flags, env)));
}

function hashOf(name: string, seed: number, flags: readonly string[], env: Record<string, string>): Promise<string> {
  const args = [...flags, process.argv[1] as string, 'sim', 'run', name, '--seed', String(seed), '--json'];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      try {
        resolve((JSON.parse(out) as { hash: string }).hash);
      } catch {
        reject(new Error('a process of the same run printed no result'));
      }
    });
  });
}
