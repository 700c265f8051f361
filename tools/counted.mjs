/**
 * `node tools/counted.mjs FOLDER STATUS`: what the test runs whose JSON reports are in the folder came to, as "N passed, N failed".
 * A status other than 0 of something that counts nothing is one failure more. Plain JavaScript: it counts what goes wrong with all else.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, status] = process.argv.slice(2);
let [passed, failed] = [0, 0];
for (const name of readdirSync(folder)) {
  const report = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  passed += report.numPassedTests;
  // A file that could not even be loaded has no test that failed.
  failed += report.numFailedTests || report.numFailedTestSuites;
}
if (status !== '0' && failed === 0) failed = 1;
console.log(`${passed} passed, ${failed} failed`);
