import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freshKey, Keyring } from '../../src/auth/keyring.ts';
import { mint } from '../../src/auth/mint.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createLog } from '../../src/observe/log.ts';
import { startServer } from '../../src/server/main.ts';
import { recorder } from './recorder.ts';
import type { Entry } from './walk.ts';

/** Runs instrumented: a server of the profile that is named, and sends, of which each one's way is written out. */
const SENDS = 30;
const [profile = 'macronode'] = process.argv.slice(2);

const folder = mkdtempSync(join(tmpdir(), 'walk-'));
const flags = { bind: '127.0.0.1:0', metrics_bind: '127.0.0.1:0', console_bind: 'none', data: join(folder, 'data') };
const { settings } = loadConfig({ ...flags, profile, log_level: 'error' }, {});
const keyring = new Keyring([freshKey('k1', Date.now())]);
const { http, stop } = await startServer({ settings, log: createLog('error', 'json', () => {}), keyring });
const expires = `expires = ${Math.floor(Date.now() / 1000) + 3600}`;
const { token } = mint(keyring, ['topic prefix t', 'op = send', 'quota_ops = 1000000/1', expires]);

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const send = (key: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const sent = request(`http://${http}/v1/send`, { method: 'POST', agent, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode as number));
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ topic: 't.walk', idem_key: `k${key}`, payload_b64: 'aGVsbG8=' }));
  });

const walks: Entry[][] = [];
for (let i = 0; i < SENDS; i++) {
  const entries: Entry[] = [];
  recorder.entries = entries;
  const status = await send(i);
  if (status !== 200) throw new Error(`a send is answered ${status}`);
  walks.push(entries);
  recorder.entries = null;
}
agent.destroy();
await stop();
rmSync(folder, { recursive: true });
// What came in between is of that one alone: a timer, a descriptor that was to be had again.
const isAlways = (of: string): boolean => walks.every((walk) => walk.some(({ file }) => file === of));
const [shortest = []] = walks.sort((a, b) => a.length - b.length);
process.stdout.write(JSON.stringify(shortest.filter(({ file, from }) => isAlways(file) && isAlways(from ?? file))));
