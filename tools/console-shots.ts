/** Pictures of every page of the console, light and dark, wide and narrow, for people to look at: `npm run console-shots`. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { scene } from '../test/support/console-scene.ts';

const FOLDER = resolve(import.meta.dirname, '../node_modules/.cache/console');
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
const LOOKS = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  { name: 'narrow', colorScheme: 'light', viewport: { width: 390, height: 844 } },
] as const;

mkdirSync(FOLDER, { recursive: true });
const { server, viewer, admin, sender, revoker, ids } = await scene();
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
try {
  for (const { name, ...look } of LOOKS) {
    const page = await (await browser.newContext(look)).newPage();
    await page.goto(server.consoleUrl);
    const shot = (what: string) => page.screenshot({ path: join(FOLDER, `${what}-${name}.png`), fullPage: true });
    await page.waitForSelector('#token');
    await shot('connect');
    await page.fill('#token', [viewer, admin, sender, revoker].join('\n'));
    await page.click('button.main');
    const pages: readonly (readonly [what: string, hash: string, ready: string])[] = [
      ['topics', '#/topics', 'a.row'],
      ['topic', '#/topics/t.orders', 'a.row'],
      ['message', `#/messages/${ids.dead}`, '.holds'],
      ['hostile', `#/messages/${ids.hostile}`, '.holds'],
      ['dead', '#/dead/t.orders', 'a.row'],
      ['send', '#/send?topic=t.orders', '#payload'],
      ['node', '#/node', '.verdict'],
      ['capabilities', '#/capabilities', '.card'],
    ];
    for (const [what, hash, ready] of pages) {
      await page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
      await page
        .waitForSelector(ready, { timeout: 8_000 })
        .catch(() => console.error(`${what}: ${ready} is not there`));
      await shot(what);
    }
    await page.locator('.narrow summary').first().click();
    await page.getByLabel('topic, or the beginning').first().fill('t.orders');
    await page.getByRole('button', { name: 'Make it' }).first().click();
    await page.fill('#revoke-nonce', '01ARZ3NDEKTSV4RRFFQ69G5FAV');
    await shot('narrowed');
    await page.context().close();
  }
} finally {
  await browser.close();
  await server.stop();
}
console.log(FOLDER);
