import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MailboxProcess } from '../support/process.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
/** As strict as a page of a console is. */
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'";

/** What the page does: sends, consumes with a handler and in a loop, checks signatures, and tells an error. */
const PAGE = `
import { Mailbox, Reject } from 'svc-mailbox';
window.work = async (capability) => {
  const mailbox = new Mailbox({ url: location.origin, capability });
  const keys = await mailbox.keys();
  const producer = mailbox.producer({ topic: 'demo' });
  for (let i = 0; i < 300; i++) await producer.enqueue({ payload: 'message ' + i, idemKey: 'k' + i, attrs: { n: String(i) } });
  await producer.close();
  const troubles = [];
  const seen = [];
  const consumer = mailbox.consume('demo', async (message) => {
    if (message.key === 'k7') throw new Reject('seven');
    seen.push(message.text());
    if (seen.length === 299) consumer.stop();
  }, { concurrency: 16, keys, onTrouble: ({ kind, error, field }) => troubles.push(kind + ' ' + (error ?? field)) });
  await consumer.done;
  await producer.close();
  await mailbox.send({ topic: 'demo', idem_key: 'last', payload_b64: btoa('last') });
  for await (const message of mailbox.consume('demo', { keys })) if (await message.ack()) { seen.push(message.text()); break; }
  const error = await mailbox.stats('another').catch((refused) => refused);
  return { keys: keys.length, seen: seen.length, last: seen.at(-1), troubles, depth: (await mailbox.stats('demo')).depth, error: [error.name, error.code] };
};
`;

let browser: Browser;
let script = '';
beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: { contents: PAGE, resolveDir: ROOT },
    ...{ bundle: true, format: 'iife', platform: 'browser', minify: true, write: false, target: 'es2022' },
    alias: { 'svc-mailbox': resolve(ROOT, 'dist/client.browser.js') },
  });
  script = outputFiles[0]!.text;
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}, 60_000);
afterAll(() => browser?.close());

describe('client in a page', () => {
  it('sends, consumes with checked signatures, in a loop and with a handler, under a strict policy (U1, K3)', async () => {
    const folder = mkdtempSync(resolve(tmpdir(), 'page-'));
    const pem = resolve(folder, 'sign.pem');
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(pem, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    const server = new MailboxProcess([
      'serve',
      '--bind',
      '127.0.0.1:0',
      '--metrics-bind',
      '127.0.0.1:0',
      '--signing-key',
      pem,
    ]);
    const { http } = await server.logged('server.ready');
    await server.until(() => server.err.includes('MAILBOX_CAP='));
    const capability = /MAILBOX_CAP=(\S+)/.exec(server.err)?.[1] as string;

    const page = await (await browser.newContext()).newPage();
    const problems: string[] = [];
    page.on('pageerror', ({ message }) => problems.push(message));
    page.on('console', (message) => {
      // What the page asks for on purpose, and is refused.
      if (!message.text().includes('403')) problems.push(message.text());
    });
    // The page comes from where the server is, as that of a console does; everything else goes to the real one.
    const headers = { 'content-security-policy': POLICY };
    await page.route(`http://${http}/page`, (route) =>
      route.fulfill({ headers, contentType: 'text/html', body: '<!doctype html><script src="/page.js"></script>' }),
    );
    await page.route(`http://${http}/page.js`, (route) =>
      route.fulfill({ contentType: 'text/javascript', body: script }),
    );
    await page.goto(`http://${http}/page`);
    const came = await page.evaluate(
      (cap) => (globalThis as unknown as { work(cap: string): Promise<unknown> }).work(cap),
      capability,
    );
    expect(came).toEqual({
      ...{ keys: 1, seen: 300, last: 'last', depth: 0 },
      ...{ troubles: ['handler Reject: seven'], error: ['ScopeError', 'E_CAP_SCOPE'] },
    });
    expect(problems.filter((text) => !text.includes('favicon'))).toEqual([]);
    server.child.kill('SIGTERM');
    await server.finished;
    rmSync(folder, { recursive: true });
  });
});
