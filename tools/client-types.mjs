/**
 * The types of the client for those who `require` it: the same files, in a folder that says that they are CommonJS. Plain JavaScript, as what
 * builds the rest.
 */
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const DIST = resolve(import.meta.dirname, '../dist');
const COPY = join(DIST, 'types-cjs');
rmSync(COPY, { recursive: true, force: true });
cpSync(join(DIST, 'types'), COPY, { recursive: true });
writeFileSync(join(COPY, 'package.json'), '{"type":"commonjs"}\n');
