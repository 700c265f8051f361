/**
 * The shard of a topic: FNV-1a over its (ASCII) characters, modulo the number of shards. Stable: it decides where a
 * topic's messages are for the life of a data directory.
 */
export function shardOfTopic(topic: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < topic.length; i++) hash = Math.imul(hash ^ topic.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % shards;
}
