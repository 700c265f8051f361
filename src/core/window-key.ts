import { type HashKey, keyedHash } from './keyed-hash.ts';
import { Packing, packedMost } from './packing.ts';

/** A send is decided, then applied: its key is packed and hashed once for both. */
let text = '';
let how = -1;
let packing = new Packing(256);

/** What it hashes to, with which secret in the topic of which number; -1 for none. */
let hash = 0;
let hashedTopic = -1;
let hashedWith: HashKey | null = null;

function pack(key: string): void {
  if (key === text && how >= 0) return;
  hashedTopic = -1;
  if (packedMost(key) > packing.bytes.length) packing = new Packing(packedMost(key));
  packing.at = 0;
  how = packing.pack(key, 'uuid');
  text = key;
}

/** What the window of this key in the topic of this number hashes to. */
export function hashOfKey(secret: HashKey, topic: number, key: string): number {
  if (key === text && topic === hashedTopic && secret === hashedWith) return hash;
  pack(key);
  hash = keyedHash(secret, topic, packing.view, 0, packing.at);
  hashedTopic = topic;
  hashedWith = secret;
  return hash;
}

/** Whether the key that is packed so in these bytes is this one. */
export function isPacked(key: string, as: number, bytes: Uint8Array, at: number): boolean {
  pack(key);
  if (how !== as) return false;
  for (let i = 0; i < packing.at; i++) if (bytes[at + i] !== packing.bytes[i]) return false;
  return true;
}
