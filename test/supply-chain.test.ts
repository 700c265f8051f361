import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Bom, SBOM_FILE } from '../tools/sbom.ts';
import { advisoriesIn, type Locked, lockedPackages, problemsOf } from '../tools/supply-chain.ts';

const ROOT = resolve(import.meta.dirname, '..');
const json = (file: string) => JSON.parse(readFileSync(resolve(ROOT, file), 'utf8'));

describe('supply chain', () => {
  const manifest = json('package.json');
  const locked = lockedPackages();

  it('versions: exact in the manifest, with a hash in the lockfile; scripts off (C1)', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/);
    }
    for (const { name, integrity, link } of locked) {
      expect(link, name).toBeUndefined();
      expect(integrity, name).toMatch(/^sha512-/);
    }
    expect(readFileSync(resolve(ROOT, '.npmrc'), 'utf8')).toContain('ignore-scripts=true');
  });

  it('licences, deny list, origin: nothing wrong with any package; each kind of wrong is seen (C2)', () => {
    expect(problemsOf(locked)).toEqual([]);
    const [good] = locked as [Locked, ...Locked[]];
    const { license: _license, ...unlicensed } = good;
    const bad: [Locked, RegExp][] = [
      [{ ...good, license: 'AGPL-3.0' }, /licence AGPL-3.0/],
      [unlicensed, /licence none/],
      [{ ...good, name: 'event-stream' }, /denied, shipped/],
      [{ ...good, resolved: 'git+ssh://git@example.org/x.git' }, /not from a registry/],
      [{ ...good, integrity: 'sha1-AAAA' }, /no hash/],
      [{ ...good, deprecated: 'use y' }, /deprecated, use y/],
    ];
    for (const [entry, says] of bad) expect(problemsOf([entry])).toEqual([expect.stringMatching(says)]);
  });

  it('advisories: none, some, and unavailable are told apart; no answer is never a pass (C2)', () => {
    const report = (vulnerabilities: object, counts: object) =>
      JSON.stringify({ vulnerabilities, metadata: { vulnerabilities: counts } });
    expect(advisoriesIn(report({}, { total: 0 }))).toEqual({ says: 'none', bad: false });
    expect(advisoriesIn(report({ x: {} }, { total: 1, low: 1 }))).toEqual({ says: '1 (0 high): x', bad: false });
    expect(advisoriesIn(report({ x: {} }, { total: 1, critical: 1 }))).toEqual({ says: '1 (1 high): x', bad: true });
    for (const none of ['', 'npm error', '{"message":"405 Method Not Allowed"}', '{"metadata":{}}']) {
      expect(advisoriesIn(none)).toEqual({ says: 'unavailable', bad: false });
    }
    expect(readFileSync(resolve(ROOT, '.ci/run'), 'utf8')).toContain('npm run supply-chain');
  });

  it('install scripts: only of packages that are whole without them (C1)', () => {
    const scripted = locked.filter(({ hasInstallScript }) => hasInstallScript === true);
    expect(scripted.map(({ name }) => name).sort()).toEqual(['esbuild', 'koffi']);
  });

  it('bill of materials: every package of the lockfile, with its version, hash and licence (C3)', () => {
    const { bomFormat, components } = JSON.parse(readFileSync(SBOM_FILE, 'utf8')) as Bom;
    expect(bomFormat).toBe('CycloneDX');
    const hex = (integrity = '') => Buffer.from(integrity.slice(7), 'base64').toString('hex');
    const listed = components.map(({ name, version, hashes, licenses: [licence] }) =>
      [name, version, hashes[0]?.content, licence?.license?.id ?? licence?.expression].join(' '),
    );
    const expected = locked.map(({ name, version, integrity, license }) =>
      [name, version, hex(integrity), license].join(' '),
    );
    expect(new Set(listed), 'npm run sbom').toEqual(new Set(expected));
  });
});
