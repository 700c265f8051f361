import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/process.ts';
import { FOLDER, launch, openReport, ROOT, stepOf } from './report-page.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SCHEMES = ['light', 'dark'] as const;

let browser: Browser;
const failing = join(FOLDER, 'failing.html');
const long = join(FOLDER, 'long.html');
const missed = join(FOLDER, 'missed.html');

const open = (file: string, hash = '', scheme: (typeof SCHEMES)[number] = 'light') =>
  openReport(browser, file, { hash, scheme });

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  expect((await run(['sim', 'run', 'negative-deaf-to-revocation', '--report', failing])).code).toBe(10);
  expect((await run(['sim', 'run', 'lossy-network', '--report', long])).code).toBe(0);
  const happy = readFileSync(join(ROOT, 'sim/schedules/happy-path.yaml'), 'utf8').replace(
    /^duration.*$/m,
    'duration: 1s',
  );
  const schedule = join(FOLDER, 'missed.yaml');
  writeFileSync(schedule, happy.replace(/^goals.*$/m, 'goals: { recoveries: 3 }'));
  expect((await run(['sim', 'run', schedule, '--report', missed])).code).toBe(11);
  browser = await launch();
}, 60_000);
afterAll(() => browser?.close());

describe('report page', () => {
  for (const scheme of SCHEMES) {
    it(`${scheme}: opens from a file without a network, and axe finds nothing serious`, async () => {
      for (const [name, file] of [
        ['failing', failing],
        ['long', long],
      ] as const) {
        const { page, problems } = await open(file, '', scheme);
        await page.screenshot({ path: join(FOLDER, `${name}-${scheme}.png`) });
        await page.locator('summary').click();
        await page.evaluate(AXE);
        const found = await page.evaluate(async () => {
          const { violations } = await (globalThis as unknown as { axe: { run(): Promise<Axe> } }).axe.run();
          return violations.map(({ id, impact, nodes }) => ({
            id,
            impact,
            where: nodes.map(({ html }) => html).slice(0, 3),
          }));
        });
        expect(found.filter(({ impact }) => impact === 'serious' || impact === 'critical')).toEqual([]);
        expect(problems).toEqual([]);
        await page.context().close();
      }
    });
  }

  it('first says the verdict, the command that repeats it, and the first failing step before and after', async () => {
    const { page } = await open(failing);
    expect(await page.locator('.badge').innerText()).toMatch(/^safety violated, as this schedule expects$/i);
    expect(await page.locator('#verdict').innerText()).toContain('RevokedProp');
    expect(await page.locator('#repeat').innerText()).toBe('mailbox sim run negative-deaf-to-revocation --seed 43');
    expect(await page.locator('#failing').innerText()).toMatch(/^First failing step: [\d,]+, at [\d,]+ ms$/);
    expect(await page.locator('.failing .steps tbody th').allInnerTexts()).toEqual(['before', 'after']);
    const order = await page.evaluate(() =>
      ['#verdict', '#repeat', '#failing', '.timeline'].map(
        (css) => document.querySelector(css)?.getBoundingClientRect().top ?? -1,
      ),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
    await page.context().close();
  });

  it('a run that missed its goals says so, in the colour of what failed', async () => {
    const { page } = await open(missed);
    const badge = page.locator('header .badge');
    expect(await badge.innerText()).toMatch(/^goals missed$/i);
    expect(await page.locator('#verdict').innerText()).toBe('recoveries 0 of 3');
    const colourOf = (name: string) =>
      page.evaluate((of) => {
        const probe = Object.assign(document.createElement('span'), { className: `badge ${of}` });
        document.body.append(probe);
        const { color } = getComputedStyle(probe);
        probe.remove();
        return color;
      }, name);
    expect(await colourOf('goals_missed')).toBe(await colourOf('safety'));
    expect(await colourOf('goals_missed')).not.toBe(await colourOf('held'));
    expect(await badge.getAttribute('class')).toBe('badge goals_missed');
    expect(await page.locator('#failing').count()).toBe(0);
    await page.context().close();
  });

  it('the failing step is shown at once, its rule marked broken, its message beside the state diagram', async () => {
    const { page } = await open(failing);
    expect(await page.locator('.row.failed[aria-selected="true"]').count()).toBe(1);
    expect(await page.locator('.rules .broken strong').innerText()).toBe('RevokedProp');
    expect(await page.locator('svg.diagram').getAttribute('aria-label')).toMatch(/the message is leased/);
    expect(await page.locator('.life tbody tr.now').count()).toBe(1);
    await page.context().close();
  });

  it('keys step on and back, to the ends, to faults, to the failing step', async () => {
    const { page } = await open(failing);
    const failed = await stepOf(page);
    await page.keyboard.press('Home');
    expect(await stepOf(page)).toMatch(/^Step 0 /);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('j');
    expect(await stepOf(page)).toMatch(/^Step 2 /);
    await page.keyboard.press('k');
    expect(await stepOf(page)).toMatch(/^Step 1 /);
    await page.keyboard.press('e');
    expect(await page.locator('.row[aria-selected="true"]').getAttribute('class')).toContain('fault');
    await page.keyboard.press('f');
    expect(await stepOf(page)).toBe(failed);
    await page.keyboard.press('p');
    expect(await page.locator('.row[aria-selected="true"]').getAttribute('class')).toContain('own');
    await page.context().close();
  });

  it('search by msg_id: chosen by its end, its rows are marked and its life is shown', async () => {
    const { page } = await open(long);
    const id = await page.evaluate(
      () => JSON.parse(document.getElementById('run')?.textContent ?? '').messages[50].id as string,
    );
    await page.keyboard.press('/');
    await page.keyboard.type(id.slice(-8));
    expect(await page.locator('.found button').first().innerText()).toContain(id);
    await page.keyboard.press('Enter');
    expect(await page.locator('#message').innerText()).toContain(id);
    await page.locator('.row.own').first().waitFor();
    expect(await page.evaluate(() => location.hash)).toContain(`msg=${id}`);
    await page.context().close();
  });

  it('a link leads to its step and message', async () => {
    const { page } = await open(long, '#step=9000');
    expect(await stepOf(page)).toMatch(/^Step 9,000 of /);
    const href = await page.locator('#step a').getAttribute('href');
    await page.keyboard.press('End');
    const other = await open(long, href ?? '');
    expect(await stepOf(other.page)).toMatch(/^Step 9,000 of /);
    await page.context().close();
    await other.page.context().close();
  });

  it('a narrow window: still only the rows that can be seen, nothing sticks out of the page', async () => {
    const { page } = await open(long);
    await page.setViewportSize({ width: 600, height: 900 });
    await page.keyboard.press('e');
    // The page is drawn anew after the key and the size, not with them.
    await page.locator('.row[aria-selected="true"]').waitFor({ state: 'visible' });
    expect(await page.locator('.row').count()).toBeLessThan(150);
    const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    expect(wide).toBeLessThanOrEqual(width as number);
    await page.screenshot({ path: join(FOLDER, 'narrow.png') });
    await page.context().close();
  });

  it('20,000 steps: few rows in the page while scrolling and stepping; prints how long frames are', async () => {
    const { page } = await open(long);
    const steps = Number((await stepOf(page)).match(/of ([\d,]+)/)?.[1]?.replace(/,/g, ''));
    expect(steps).toBeGreaterThan(20_000);
    const frames = await page.evaluate(async () => {
      const box = document.querySelector('.timeline') as HTMLElement;
      const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
      const took: number[] = [];
      let rows = 0;
      let before = await frame();
      for (let i = 0; i < 120; i++) {
        if (i < 60) box.scrollTop = (box.scrollHeight * i) / 60;
        else dispatchEvent(new KeyboardEvent('keydown', { key: 'j' }));
        const now = await frame();
        took.push(now - before);
        before = now;
        rows = Math.max(rows, document.querySelectorAll('.row').length);
      }
      return { took: took.sort((a, b) => a - b), rows };
    });
    // What the machine has besides to do says as much of a frame as the page does: it is printed, and nothing is asked of it.
    process.stdout.write(
      `report: frames while scrolling and stepping: half within ${frames.took[60]?.toFixed(1)} ms, 95 % within ${frames.took[114]?.toFixed(1)} ms\n`,
    );
    expect(frames.rows).toBeGreaterThan(0);
    expect(frames.rows).toBeLessThan(150);
    await page.context().close();
  });
});

interface Axe {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}
