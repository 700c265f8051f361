/**
 * A line in which senders take turns, and the connections of each sender: however much one of them brings, the next of everybody
 * else is not far. Sans-I/O.
 */
export class FairLine<T> {
  private readonly sources = new Map<string, Map<object, T[]>>();
  private readonly counts = new Map<string, number>();
  size = 0;

  /** How many of this sender's wait. */
  sizeOf(source: string): number {
    return this.counts.get(source) ?? 0;
  }

  /** How many of them on this connection. */
  lengthOf(source: string, connection: object): number {
    return this.sources.get(source)?.get(connection)?.length ?? 0;
  }

  add(source: string, connection: object, item: T): void {
    let connections = this.sources.get(source);
    if (connections === undefined) {
      connections = new Map();
      this.sources.set(source, connections);
    }
    const items = connections.get(connection);
    if (items === undefined) connections.set(connection, [item]);
    else items.push(item);
    this.count(source, 1);
  }

  /** The next one: the sender goes to the end of the line, and its connection to the end of the sender's. */
  take(): T | undefined {
    for (const [source, connections] of this.sources) {
      this.sources.delete(source);
      for (const [connection, items] of connections) {
        connections.delete(connection);
        const item = items.shift() as T;
        if (items.length > 0) connections.set(connection, items);
        if (connections.size > 0) this.sources.set(source, connections);
        this.count(source, -1);
        return item;
      }
    }
    return undefined;
  }

  private count(source: string, by: number): void {
    this.size += by;
    const count = this.sizeOf(source) + by;
    if (count === 0) this.counts.delete(source);
    else this.counts.set(source, count);
  }
}
