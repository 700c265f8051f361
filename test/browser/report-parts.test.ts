import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ReportData } from '../../sim/report/model.ts';
import { run } from '../support/process.ts';
import { FOLDER, launch, openReport, stepOf } from './report-page.ts';

let browser: Browser;
let data: ReportData;
const long = join(FOLDER, 'parts.html');
const forgotten = join(FOLDER, 'forgotten.html');
const early = join(FOLDER, 'early.html');

const dataOf = (file: string): ReportData =>
  JSON.parse(/id="run">(.*)<\/script>/.exec(readFileSync(file, 'utf8'))?.[1] ?? '') as ReportData;

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  expect((await run(['sim', 'run', 'lossy-network', '--report', long])).code).toBe(0);
  expect((await run(['sim', 'run', 'negative-forgotten-acks', '--report', forgotten])).code).toBe(10);
  expect((await run(['sim', 'run', 'negative-reply-before-sync', '--report', early])).code).toBe(10);
  data = dataOf(long);
  browser = await launch();
}, 120_000);
afterAll(() => browser?.close());

const open = (file: string, look: Parameters<typeof openReport>[2] = {}) => openReport(browser, file, look);
const shownRows = (page: Page): Promise<number[]> =>
  page.locator('.row').evaluateAll((rows) => rows.map(({ id }) => Number(id.replace('row-', ''))));

describe('report page: process and specification', () => {
  it('side by side, the cells that differ marked, each fact durable or not (PrefixProp)', async () => {
    const { page, problems } = await open(forgotten);
    expect(await page.locator('#exit').innerText()).toBe('exit code 10');
    expect(await page.locator('.comparison thead th').allInnerTexts()).toEqual(['process has', 'specification has']);
    const differing = await page.locator('.comparison .differs th').allInnerTexts();
    expect(differing).toEqual(['state', 'receipt', 'deadline or not before']);
    expect(await page.locator('.comparison .differs').first().innerText()).toMatch(/leased\s+acked differs/);
    expect(await page.locator('.own-facts tr td:last-child').allInnerTexts()).toEqual([
      'durable',
      'durable',
      'durable',
    ]);
    await page.screenshot({ path: join(FOLDER, 'sides.png') });
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('an answer before its facts are durable: what it rests on differs, and its fact is not durable (AC1)', async () => {
    const { page } = await open(early);
    expect(await page.locator('.comparison .differs th').allInnerTexts()).toEqual([
      'facts under the answer, and how many of them are durable',
    ]);
    expect(await page.locator('.own-facts .undurable').allInnerTexts()).toEqual(['not durable']);
    await page.context().close();
  });

  it('the name of a rule leads to its text, and not away from the step', async () => {
    const { page } = await open(forgotten);
    const before = await stepOf(page);
    await page.locator('#verdict a').first().click();
    const pointed = page.locator('.rules .pointed');
    await pointed.waitFor();
    expect(await pointed.innerText()).toContain('the process has what its durable facts say');
    expect(await pointed.evaluate((item) => item.getBoundingClientRect().top < innerHeight)).toBe(true);
    expect(await stepOf(page)).toBe(before);
    await page.context().close();
  });
});

describe('report page: the whole run', () => {
  it('the scrubber leads anywhere in it, with keys too, and says where it is', async () => {
    const { page } = await open(long);
    const scrubber = page.locator('.scrubber');
    const { width, height, x, y } = (await scrubber.boundingBox()) as { [of: string]: number };
    await page.mouse.click((x as number) + (width as number) / 2, (y as number) + (height as number) / 2);
    await expect.poll(() => stepOf(page)).not.toMatch(/^Step 0 /);
    const row = Number((await page.locator('.row[aria-selected="true"]').getAttribute('id'))?.slice(4));
    expect(Math.abs(row / data.rows.step.length - 0.5)).toBeLessThan(0.02);
    expect(await scrubber.getAttribute('aria-valuetext')).toMatch(/^step [\d,]+, [\d,]+ ms$/);
    await page.keyboard.press('End');
    await expect.poll(() => stepOf(page)).toMatch(new RegExp(`^Step ${data.rows.step.at(-1)?.toLocaleString('en')} `));
    await page.context().close();
  });

  it('draws faults and what fails on it, and four charts with what they come to', async () => {
    const { page } = await open(long);
    expect(await page.locator('.legend').allInnerTexts()).toEqual([
      expect.stringMatching(/^depth \d+ here, \d+ at most$/),
      expect.stringMatching(/^in flight \d+ here, \d+ at most$/),
      expect.stringMatching(/^latency \d+ ms at most$/),
      expect.stringMatching(/^refusals \d+ in all$/),
    ]);
    const painted = await page.locator('canvas').evaluateAll((all) =>
      all.map((canvas) => {
        const { width, height } = canvas as HTMLCanvasElement;
        const pixels = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height).data ?? [];
        return pixels.some((value) => value > 0);
      }),
    );
    expect(painted).toEqual([true, true, true, true, true]);
    await page.context().close();
  });

  it('proportional time: rows stand as far apart as they are in time, and only what can be seen is in the page', async () => {
    const { page } = await open(long, { hash: '#step=9000' });
    await page.keyboard.press('t');
    await page.locator('.row .more').first().waitFor();
    const slots = await page
      .locator('.row')
      .evaluateAll((rows) => rows.map((row) => [Number(row.id.slice(4)), (row as HTMLElement).offsetTop]));
    const heightPx = await page.locator('.rows').evaluate((rows) => rows.clientHeight);
    const { atMs } = data.rows;
    const endMs = atMs.at(-1) as number;
    for (const [row, top] of slots)
      expect(
        Math.abs((atMs[row as number] as number) / endMs - (top as number) / (heightPx - 22)) * heightPx,
      ).toBeLessThan(24);
    expect(slots.length).toBeLessThan(150);
    expect(await page.locator('.chart *').count()).toBeLessThan(1_500);
    expect(await stepOf(page)).toMatch(/^Step 9,000 /);
    await page.screenshot({ path: join(FOLDER, 'proportional.png') });
    await page.getByLabel('Closer').click();
    await expect.poll(() => page.locator('.rows').evaluate((rows) => rows.clientHeight)).toBeGreaterThan(heightPx * 3);
    await page.context().close();
  });
});

describe('report page: filters and lists', () => {
  const under = (kind: string, row: number): boolean => data.faults[data.rows.fault[row] ?? -1] === kind;

  it('by kind, client, node, topic and fault: only rows that pass are shown, and they are counted', async () => {
    const { page, problems } = await open(long);
    const choose = (name: string, value: string) => page.locator(`.filters [name=${name}]`).selectOption(value);
    await choose('kind', 'call');
    await choose('fault', 'drop');
    const dropped = data.rows.step.map((_, row) => row).filter((row) => under('drop', row));
    await page.locator('#passing').waitFor();
    expect(await page.locator('#passing').innerText()).toMatch(new RegExp(`^${dropped.length} of `));
    expect(dropped).toEqual(expect.arrayContaining(await shownRows(page)));
    await choose('fault', '');
    await choose('client', 'producer 1');
    await choose('topic', 'sim.1');
    await choose('node', 'node 0');
    const lane = data.lanes.indexOf('producer 1');
    await expect
      .poll(async () => {
        const rows = await shownRows(page);
        return rows.length > 0 && rows.every((row) => data.rows.lane[row] === lane);
      })
      .toBe(true);
    for (const row of await shownRows(page)) expect(data.rows.text[row]).toMatch(/^send sim\.1/);
    await page.locator('h1').click();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.locator('.row[aria-selected="true"]').waitFor();
    const at = Number((await page.locator('.row[aria-selected="true"]').getAttribute('id'))?.slice(4));
    expect(data.rows.lane[at]).toBe(lane);
    await page.getByRole('button', { name: 'clear' }).click();
    await page.locator('#passing').waitFor({ state: 'detached' });
    expect(problems).toEqual([]);
    await page.context().close();
  });

  it('messages by how they ended: every one is in one list, and leads to its life', async () => {
    const { page } = await open(forgotten);
    const ends = await page.locator('.ends button').allInnerTexts();
    const counts = ends.map((text) => Number(/([\d,]+)$/.exec(text)?.[1]?.replace(/,/g, '')));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(dataOf(forgotten).messages.length);
    expect(ends[0]).toMatch(/^still leased/);
    expect(await page.locator('.ended li').count()).toBeLessThan(40);
    await page.locator('.ends button').last().click();
    const first = page.locator('.ended li button').first();
    const id = (await first.innerText()).split(' ')[0] as string;
    await first.click();
    expect(await page.locator('#message').innerText()).toContain(id);
    await page.context().close();
  });

  it('a call: what was asked, what was answered, and the rows between', async () => {
    const { page } = await open(long);
    const row = data.rows.step.findIndex(
      (_, at) => data.kinds[data.rows.kind[at] as number] === 'answer' && data.rows.text[at]?.startsWith('send: ok'),
    );
    const { request } = data.calls[data.rows.call[row] as number] as { request: string };
    await page.goto(`file://${long}#step=${data.rows.step[row]}`);
    await page.locator('.row.answer', { hasText: 'send: ok' }).first().waitFor();
    await page.locator(`#row-${row}`).click();
    await page.locator('#call').waitFor();
    const fields = await page.locator('section[aria-labelledby=call] .fields dd').allInnerTexts();
    expect(fields).toContain((JSON.parse(request) as { idemKey: string }).idemKey);
    expect(fields).toContain('ok');
    expect(await page.locator('.call-rows button').allInnerTexts()).toEqual(
      expect.arrayContaining([expect.stringMatching(/^call producer/), expect.stringMatching(/^answer producer/)]),
    );
    await page.context().close();
  });
});

describe('report page: small screens, foreign text, speed', () => {
  it('390 px: nothing sticks out, the text of rows is in view, both sides of a failure too', async () => {
    for (const file of [long, forgotten]) {
      const { page, problems } = await open(file, { width: 390 });
      const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      expect(wide).toBeLessThanOrEqual(width as number);
      const text = await page.locator('.row .text').first().boundingBox();
      expect(text?.x).toBeLessThan(260);
      await page.screenshot({ path: join(FOLDER, `phone-${file === long ? 'long' : 'failing'}.png`), fullPage: true });
      expect(problems).toEqual([]);
      await page.context().close();
    }
  });

  it('hostile text runs nothing and stays text; the policy names the script by its hash', async () => {
    const hostile = join(FOLDER, 'hostile.html');
    const evil = '</script><img src=x onerror=alert(1)><script>alert(2)</script>\u202e';
    const { page, problems } = await open(early);
    await page.context().close();
    const whole = readFileSync(early, 'utf8');
    const changed = dataOf(early) as unknown as {
      rows: { text: string[] };
      messages: { topic: string }[];
      title: string;
    };
    changed.rows.text = changed.rows.text.map(() => evil);
    changed.messages = changed.messages.map((message) => ({ ...message, topic: evil, idemKey: evil }));
    changed.title = evil;
    const json = JSON.stringify(changed).replaceAll('<', '\\u003c');
    writeFileSync(
      hostile,
      whole.replace(/id="run">.*<\/script>/, () => `id="run">${json}</script>`),
    );
    expect(whole).toMatch(/script-src 'sha256-[^']+'; style-src 'sha256-[^']+'/);
    expect(whole).not.toContain('unsafe-inline');
    const other = await open(hostile);
    expect(await other.page.locator('img').count()).toBe(0);
    expect(await other.page.locator('.row .text').first().innerText()).toContain('onerror=alert(1)');
    await other.page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'document.title = "ran"';
      document.body.append(script);
    });
    expect(await other.page.title()).not.toBe('ran');
    expect([...problems, ...other.problems].filter((text) => !/script-src/.test(text))).toEqual([]);
    await other.page.context().close();
  });

  it('prints how long 20,000 steps take to open, and how long frames are while scrubbing', async () => {
    expect(data.steps).toBeGreaterThan(20_000);
    const { page } = await open(long);
    const openedMs = await page.evaluate(() => performance.getEntriesByType('navigation')[0]?.duration ?? 0);
    const { took, rows, ends } = await page.evaluate(async () => {
      const scrubber = document.querySelector('.scrubber') as HTMLInputElement;
      const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
      const took: number[] = [];
      let rows = 0;
      let before = await frame();
      for (let i = 0; i <= 120; i++) {
        scrubber.value = String(Math.round((Number(scrubber.max) * i) / 120));
        scrubber.dispatchEvent(new Event('input', { bubbles: true }));
        const now = await frame();
        took.push(now - before);
        before = now;
        rows = Math.max(rows, document.querySelectorAll('.row').length);
      }
      await frame();
      return { took: took.sort((a, b) => a - b), rows, ends: document.querySelector('#step')?.textContent };
    });
    process.stdout.write(
      `report: ${data.steps} steps open in ${openedMs.toFixed(0)} ms; frames while scrubbing: half within ${took[60]?.toFixed(1)} ms, 95 % within ${took[115]?.toFixed(1)} ms\n`,
    );
    expect(rows).toBeLessThan(150);
    expect(ends).toContain(`Step ${data.rows.step.at(-1)?.toLocaleString('en')} `);
    await page.context().close();
  });
});
