/**
 * `npm run supply-chain`: what is known of the packages this project is made of (C2): advisories where a source of them can be
 * reached, licences, and a deny list. Exit 1 when something is wrong; a source that cannot be asked is "unavailable", which is no pass.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { argumentsOf } from './arguments.ts';

const ROOT = resolve(import.meta.dirname, '..');

export interface Locked {
  readonly name: string;
  readonly version: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly link?: boolean;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly deprecated?: string;
}

/** Every package of the lockfile. */
export function lockedPackages(): Locked[] {
  const { packages } = JSON.parse(readFileSync(resolve(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, Omit<Locked, 'name'>>;
  };
  return Object.entries(packages)
    .filter(([path]) => path !== '')
    .map(([path, entry]) => ({ ...entry, name: path.slice(path.lastIndexOf('node_modules/') + 13) }));
}

/** Licences whose terms this project meets by keeping the packages whole. */
const LICENCES = new Set([
  ...['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', '0BSD', 'CC0-1.0', 'MPL-2.0'],
  'MIT OR Apache-2.0',
]);

/** Packages that may not come in, by any way, and why. */
export const DENIED: Readonly<Record<string, string>> = {
  'event-stream': 'shipped a stolen dependency once',
  'flatmap-stream': 'malware',
  'node-ipc': 'wrote to the disks of its users on purpose',
  peacenotwar: 'the payload of node-ipc',
  colors: 'broken on purpose by its author',
  faker: 'broken on purpose by its author',
  request: 'unmaintained since 2020',
  moment: 'in maintenance, and a second clock',
  jsonwebtoken: 'a second kind of token',
  'node-forge': 'cryptography in JavaScript beside that of Node',
  'crypto-js': 'discontinued; cryptography in JavaScript beside that of Node',
  elliptic: 'signatures that can be forged or leak the key',
  macaroon: 'a second library for the same format',
};

/** What is wrong with these packages, one line each. */
export function problemsOf(packages: readonly Locked[]): string[] {
  return packages.flatMap(({ name, version, license, link, resolved, integrity, deprecated }) => {
    const at = `${name}@${version}`;
    const found: string[] = [];
    if (!LICENCES.has(license ?? 'none')) found.push(`${at}: licence ${license ?? 'none'} is not one of those allowed`);
    if (name in DENIED) found.push(`${at}: denied, ${DENIED[name]}`);
    if (link === true || /^(git|file|http:)/.test(resolved ?? '')) found.push(`${at}: not from a registry`);
    if (integrity?.startsWith('sha512-') !== true) found.push(`${at}: no hash in the lockfile`);
    if (deprecated !== undefined) found.push(`${at}: deprecated, ${deprecated}`);
    return found;
  });
}

/** The answer of `npm audit` in a line, and whether it stands in the way. */
export function advisoriesIn(output: string): { readonly says: string; readonly bad: boolean } {
  try {
    const { metadata, vulnerabilities } = JSON.parse(output.slice(output.indexOf('{'))) as {
      metadata?: { vulnerabilities?: Record<string, number> };
      vulnerabilities?: Record<string, { severity: string }>;
    };
    const counts = metadata?.vulnerabilities;
    if (counts === undefined || vulnerabilities === undefined) return { says: 'unavailable', bad: false };
    const { total = 0, high = 0, critical = 0 } = counts;
    const names = Object.keys(vulnerabilities).join(', ');
    return { says: total === 0 ? 'none' : `${total} (${high + critical} high): ${names}`, bad: high + critical > 0 };
  } catch {
    return { says: 'unavailable', bad: false };
  }
}

function main(): void {
  const packages = lockedPackages();
  const problems = problemsOf(packages);
  const audit = spawnSync('npm', ['audit', '--json'], { cwd: ROOT, encoding: 'utf8', timeout: 60_000 });
  const { says, bad } = advisoriesIn(audit.stdout ?? '');
  console.log(`advisories: ${says}`);
  console.log(
    `packages: ${packages.length} in the lockfile, licences and deny list (${Object.keys(DENIED).length}) checked`,
  );
  for (const problem of problems) console.log(`wrong: ${problem}`);
  if (bad || problems.length > 0) process.exitCode = 1;
}

if (process.argv[1] === import.meta.filename) {
  argumentsOf('npm run supply-chain: advisories, licences and the deny list, of every package of the lockfile', {});
  main();
}
