/** Which shard a topic's messages are in: stable for the life of a data directory. Topics are ASCII. */
export type Sharding = (topic: string, shards: number) => number;

/**
 * FNV-1a over its characters, modulo the number of shards: what directories of earlier versions go by, and processes without a
 * secret. Whoever knows it can choose topics that live together.
 */
export function shardOfTopic(topic: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < topic.length; i++) hash = Math.imul(hash ^ topic.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % shards;
}

/** Bytes of a key. */
export const TOPIC_KEY_BYTES = 8;

/** The same by HalfSipHash-2-4 with a secret of the data directory, so that no caller chooses where a topic lives (BD5). */
export function keyedSharding(key: Uint8Array): Sharding {
  const view = new DataView(key.buffer, key.byteOffset, TOPIC_KEY_BYTES);
  const [k0, k1] = [view.getInt32(0, true), view.getInt32(4, true)];
  // Whoever asks about a topic asks again and again.
  let last = '';
  let hash = halfSip(k0, k1, last) >>> 0;
  return (topic, shards) => {
    if (topic !== last) {
      last = topic;
      hash = halfSip(k0, k1, topic) >>> 0;
    }
    return hash % shards;
  };
}

const rotated = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

/** HalfSipHash-2-4 of the characters as bytes, 32 bits of it. */
export function halfSip(k0: number, k1: number, text: string): number {
  let [v0, v1, v2, v3] = [k0, k1, 0x6c796765 ^ k0, 0x74656462 ^ k1];
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) | 0;
      v1 = rotated(v1, 5) ^ v0;
      v0 = rotated(v0, 16);
      v2 = (v2 + v3) | 0;
      v3 = rotated(v3, 8) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = rotated(v3, 7) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = rotated(v1, 13) ^ v2;
      v2 = rotated(v2, 16);
    }
  };
  const take = (word: number): void => {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  };
  const whole = text.length & ~3;
  const byte = (at: number): number => text.charCodeAt(at) & 0xff;
  for (let at = 0; at < whole; at += 4)
    take(byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24));
  let last = (text.length & 0xff) << 24;
  for (let at = whole; at < text.length; at++) last |= byte(at) << (8 * (at - whole));
  take(last);
  v2 ^= 0xff;
  rounds(4);
  return v1 ^ v3;
}
