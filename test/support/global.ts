import { execFileSync } from 'node:child_process';

/** Before the tests: builds the program that process tests run. */
export function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
