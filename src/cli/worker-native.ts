/**
 * Stands for `@napi-rs/blake-hash` in programs of threads (`journal/loaded-program.ts`): they are no files, so that the package is looked
 * for from where the server's program is. Should it be gone, as while packages are being installed, WebAssembly does the same slower.
 */
import { createRequire } from 'node:module';
import { workerData } from 'node:worker_threads';
import { createBLAKE3 } from 'hash-wasm';

type Blake3 = (bytes: Buffer) => Buffer;

async function load(): Promise<Blake3> {
  try {
    return createRequire((workerData as { readonly from: string }).from)('@napi-rs/blake-hash').blake3;
  } catch {
    const wasm = await createBLAKE3();
    return (bytes) => Buffer.from(wasm.init().update(bytes).digest('binary'));
  }
}

export const blake3 = await load();
