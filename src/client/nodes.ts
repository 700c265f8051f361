/** What a node that sent a request on says of the one that has the shard. */
export const OWNER = 'x-mailbox-owner';
/** So many topics and shards are remembered. */
const KNOWN_MAX = 4096;
const MSG_ID = /^\/v1\/(?:ack|nack|extend|messages)\/[0-9A-Z]{10}([0-9A-Z]{4})[0-9A-Z]{12}/;

/**
 * The nodes of a cluster, as a client was given them: which of them has what, as far as they said. Any of them takes any request, so that
 * being wrong costs a hop and no more. What was not given is never gone to, whatever an answer says: a capability would go with it.
 */
export class Nodes {
  private readonly urls: readonly string[];
  private readonly origins: readonly string[];
  private readonly owners = new Map<string, number>();
  /** Which is asked for what nobody knows. */
  private current = 0;

  /** @throws RangeError where there is none; TypeError for what is no URL, where there are several */
  constructor(url: string | readonly string[]) {
    this.urls = typeof url === 'string' ? [url] : url;
    if (this.urls.length === 0) throw new RangeError('url: none is given');
    this.origins = this.urls.length === 1 ? [] : this.urls.map((one) => new URL(one).origin);
  }

  /** Where a request goes that is about this; null: about nothing that one of them would have. */
  urlFor(about: string | null): string {
    const owner = about === null ? undefined : this.owners.get(about);
    return this.urls[owner ?? this.current] as string;
  }

  /** This node answered, and says who has it; null where it has it itself. */
  learn(about: string | null, url: string, owner: string | null): void {
    if (about === null || this.origins.length === 0) return;
    const found = owner === null ? this.urls.indexOf(url) : this.origins.indexOf(originOf(owner));
    if (found < 0) return;
    if (this.owners.size >= KNOWN_MAX && !this.owners.has(about)) this.owners.clear();
    this.owners.set(about, found);
  }

  /** It did not answer: what it had somebody else has, or will have. */
  failed(url: string): void {
    if (this.origins.length === 0) return;
    const at = this.urls.indexOf(url);
    for (const [about, owner] of this.owners) if (owner === at) this.owners.delete(about);
    if (this.current === at) this.current = (at + 1) % this.urls.length;
  }
}

/** What a request is about that is one node's: its topic, or what an id says of its shard. */
export function aboutOf(path: string, topic: unknown): string | null {
  if (typeof topic === 'string') return `topic ${topic}`;
  // 16 bits: three digits, and the first bit of the fourth.
  const digits = MSG_ID.exec(path)?.[1];
  return digits === undefined ? null : `shard ${digits.slice(0, 3)}${digits.slice(3) < 'G' ? 0 : 1}`;
}

function originOf(url: string): string {
  try {
    return new URL(url).origin;
  } catch {
    return '';
  }
}
