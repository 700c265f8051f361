import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MailboxClient } from '../../src/client/client.ts';
import { verifyEnvelope } from '../../src/integrity/verify.ts';
import { type MailboxProcess, run, serve } from '../support/process.ts';

let folder: string;
let pem: string;
let server: MailboxProcess;
let client: MailboxClient;
let env: Record<string, string>;

const writeKey = (type: 'ed25519' | 'x25519' = 'ed25519'): void => {
  const { privateKey } = generateKeyPairSync(type as 'ed25519');
  writeFileSync(pem, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
};
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sign-'));
  pem = join(folder, 'sign.pem');
  writeKey();
  server = serve('--signing-key', pem);
  const { http } = await server.logged('server.ready');
  await server.until(() => server.err.includes('MAILBOX_CAP='));
  const capability = /MAILBOX_CAP=(\S+)/.exec(server.err)?.[1] as string;
  env = { MAILBOX_URL: `http://${http}`, MAILBOX_CAP: capability };
  client = new MailboxClient({ url: `http://${http}`, capability });
});
afterAll(async () => {
  server.child.kill('SIGTERM');
  await server.finished;
  rmSync(folder, { recursive: true });
});

const one = async (key: string) => {
  await client.send({ topic: 'demo', idem_key: key, payload_b64: 'aGVsbG8=' });
  const [envelope] = (await client.recv({ topic: 'demo', max_messages: 1 })).messages;
  return envelope!;
};

describe('envelope signature', () => {
  it('sig: over the hash chain, checked by the client helper with the published key; a changed envelope fails (K3)', async () => {
    const keys = await client.keys();
    const envelope = await one('k1');
    expect(envelope.sig).toMatch(/^ed25519:/);
    expect(verifyEnvelope(envelope, keys)).toBeNull();
    expect(verifyEnvelope({ ...envelope, sig: null })).toBeNull();
    expect(verifyEnvelope({ ...envelope, sig: null }, keys)).toBe('sig');
    expect(verifyEnvelope(envelope, [])).toBe('sig');
    expect(verifyEnvelope({ ...envelope, topic: 'other' }, keys)).toBe('hash_chain');
    expect(verifyEnvelope({ ...envelope, sig: (await one('k2')).sig }, keys)).toBe('sig');
  });

  it('reload: a new key signs, the one before stays published, a bad one changes nothing (K3)', async () => {
    const [before] = await client.keys();
    const old = await one('k3');
    const reload = async (event: string): Promise<void> => {
      const count = () => server.out.split(event).length;
      const had = count();
      server.child.kill('SIGHUP');
      await server.until(() => count() > had);
    };
    writeKey('x25519');
    await reload('config.reload_failed');
    expect(await client.keys()).toEqual([before]);
    writeKey();
    chmodSync(pem, 0o644);
    await reload('config.reload_failed');
    expect(server.out).toMatch(/signing_key .*must be 0600/);
    chmodSync(pem, 0o600);
    await reload('config.reloaded');
    const keys = await client.keys();
    expect([keys.length, keys[1]]).toEqual([2, before]);
    expect([verifyEnvelope(old, keys), verifyEnvelope(await one('k4'), keys)]).toEqual([null, null]);
    expect(verifyEnvelope(await one('k5'), [before!])).toBe('sig');
  });

  it('recv --signed-by: takes what a pinned key signed, exits 1 for the rest (K3)', async () => {
    const pinned = join(folder, 'keys.json');
    writeFileSync(pinned, JSON.stringify({ keys: await client.keys() }));
    const other = join(folder, 'other.json');
    writeFileSync(other, JSON.stringify({ keys: [] }));
    await client.send({ topic: 'demo', idem_key: 'cli', payload_b64: 'aGVsbG8=' });
    const refused = await run(['recv', 'demo', '--visibility', '250ms', '--signed-by', other], env);
    expect([refused.code, refused.err, refused.out]).toEqual([1, expect.stringContaining('sig does not hold'), '']);
    const taken = await run(['recv', 'demo', '--wait', '5s', '--ack', '--signed-by', pinned], env);
    expect([taken.code, taken.out]).toEqual([0, expect.stringContaining('hello')]);
    const junk = await run(['recv', 'demo', '--signed-by', pem], env);
    expect([junk.code, junk.err]).toEqual([2, expect.stringContaining('no public keys in it')]);
  });
});
