/**
 * Stands for `@napi-rs/blake-hash` in programs of threads (`journal/loaded-program.ts`): they are no files, so that the package is looked
 * for from where the server's program is.
 */
import { createRequire } from 'node:module';
import { workerData } from 'node:worker_threads';

const load = createRequire((workerData as { readonly from: string }).from);
export const { blake3 } = load('@napi-rs/blake-hash') as typeof import('@napi-rs/blake-hash');
