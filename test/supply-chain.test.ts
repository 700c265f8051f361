import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const json = (file: string) => JSON.parse(readFileSync(resolve(ROOT, file), 'utf8'));

interface Locked {
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

/** Licences whose terms this project meets by keeping the packages whole. */
const LICENCES = new Set([
  'MIT',
  'Apache-2.0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  '0BSD',
  'CC0-1.0',
  'MPL-2.0',
  'MIT OR Apache-2.0',
]);

describe('supply chain', () => {
  const manifest = json('package.json');
  const locked = Object.entries(json('package-lock.json').packages as Record<string, Locked>).filter(
    ([path]) => path !== '',
  );

  it('versions: exact in the manifest, with a hash in the lockfile; scripts off (C1)', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/);
    }
    for (const [path, { integrity, link }] of locked) {
      expect(link, path).toBeUndefined();
      expect(integrity, path).toMatch(/^sha512-/);
    }
    expect(readFileSync(resolve(ROOT, '.npmrc'), 'utf8')).toContain('ignore-scripts=true');
  });

  it('licences: known and allowed for every package (C2)', () => {
    const others = locked.filter(([, { license }]) => !LICENCES.has(license ?? 'none'));
    expect(others.map(([path, { license }]) => `${path}: ${license}`)).toEqual([]);
  });

  it('install scripts: only of packages that are whole without them (C1)', () => {
    const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    expect(scripted.map(([path]) => path.replace(/^.*node_modules\//, '')).sort()).toEqual(['esbuild', 'koffi']);
  });
});
