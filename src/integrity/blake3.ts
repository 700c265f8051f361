import { blake3 as native } from '@napi-rs/blake-hash';
import { createBLAKE3 } from 'hash-wasm';

/**
 * BLAKE3-256 as fast as this machine can: WebAssembly for short inputs, where a native call costs more than the work,
 * native code above. @noble/hashes is the reference that a property test holds both to (T1).
 */
const wasm = await createBLAKE3();
const NATIVE_FROM_BYTES = 2048;

/** 64 lower-case hex digits. */
export function blake3Hex(bytes: Uint8Array): string {
  return bytes.byteLength < NATIVE_FROM_BYTES
    ? wasm.init().update(bytes).digest('hex')
    : native(viewOf(bytes)).toString('hex');
}

/** 32 bytes. */
export function blake3(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength < NATIVE_FROM_BYTES ? wasm.init().update(bytes).digest('binary') : native(viewOf(bytes));
}

const viewOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
