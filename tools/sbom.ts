/**
 * `npm run sbom`: writes docs/sbom/svc-mailbox.cdx.json, the bill of materials as CycloneDX (C3): every package of the lockfile with
 * version, hash and licence, on whatever platform. Nothing in it depends on when or where it was made.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { argumentsOf } from './arguments.ts';

const ROOT = resolve(import.meta.dirname, '..');
export const SBOM_FILE = resolve(ROOT, 'docs/sbom/svc-mailbox.cdx.json');

/** What is read of it. */
export interface Bom {
  readonly bomFormat: string;
  serialNumber?: string;
  metadata: { timestamp?: string; tools?: unknown; component: { name: string } };
  components: {
    readonly 'bom-ref': string;
    readonly name: string;
    readonly version: string;
    readonly hashes: readonly { readonly content: string }[];
    readonly licenses: readonly { readonly license?: { readonly id: string }; readonly expression?: string }[];
  }[];
}

function sbomText(): string {
  const args = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'];
  const bom = JSON.parse(execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 ** 2 })) as Bom;
  delete bom.serialNumber;
  delete bom.metadata.timestamp;
  delete bom.metadata.tools;
  // npm takes the folder's name for it.
  bom.metadata.component.name = 'svc-mailbox';
  bom.components.sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
  return `${JSON.stringify(bom, null, 1)}\n`;
}

if (process.argv[1] === import.meta.filename) {
  argumentsOf('npm run sbom: writes the bill of materials, docs/sbom/svc-mailbox.cdx.json', {});
  mkdirSync(dirname(SBOM_FILE), { recursive: true });
  writeFileSync(SBOM_FILE, sbomText());
}
