import { FairLine } from '../auth/fair-line.ts';

/** What is done for a tenant before it is looked who else asks: bytes of bodies, and those that are as much work as a request besides. */
const TURN_BYTES = 32 * 1024;
const REQUEST_BYTES = 128;

/** Where requests come from, one after the other. */
export interface Lane {
  /** Whom it counts under (BD5). */
  readonly tenant: string | null;
  /** After an answer before it nothing of it is taken. */
  readonly isClosing: boolean;
  /** Nothing is read from it until `resume`. */
  pause(): void;
  resume(): void;
}

/** What goes on with a request. */
export interface Work {
  /** Of its body. */
  readonly bytes: number;
  /** It does not wait any more, whatever becomes of it. */
  readonly begun: () => void;
  readonly step: () => void;
}

interface Waiting {
  readonly work: Work;
  readonly connection: Lane;
  /** Others of its connection waited when it came: nothing is read from that until it is begun. */
  readonly isAhead: boolean;
  readonly tenant: string;
}

/**
 * Requests that are read and not begun: tenants take turns, and the connections of each (BD5). In one turn of the event loop so much is
 * begun for a tenant; what it asks for beyond that waits for the next, when whoever else has asked meanwhile has been heard. So nobody
 * is behind what another has brought on all the connections that it may have. Of a connection with two that wait nothing is read.
 */
export class Turns {
  private readonly line = new FairLine<Waiting>();
  /** Begun in this turn, by tenant. */
  private readonly begun = new Map<string, number>();
  private readonly soon: (turn: () => void) => void;
  private isSoon = false;

  /** `soon` calls back when what can be read by then has been. */
  constructor(soon: (turn: () => void) => void) {
    this.soon = soon;
  }

  /** Begins it at once, or when it is its turn. Those of one connection and tenant keep their order. */
  take(connection: Lane, work: Work): void {
    const tenant = connection.tenant ?? '';
    if (this.line.sizeOf(tenant) === 0 && this.count(tenant, work.bytes)) {
      work.begun();
      work.step();
    } else {
      // Pausing costs more than the request: only who sends ahead of its answers is held up.
      const isAhead = this.line.lengthOf(tenant, connection) > 0;
      if (isAhead) connection.pause();
      this.line.add(tenant, connection, { work, connection, tenant, isAhead });
    }
    this.next();
  }

  /** False when the tenant has had its part of this turn. */
  private count(tenant: string, bytes: number): boolean {
    const before = this.begun.get(tenant) ?? 0;
    if (before >= TURN_BYTES) return false;
    this.begun.set(tenant, before + REQUEST_BYTES + bytes);
    return true;
  }

  private next(): void {
    if (this.isSoon) return;
    this.isSoon = true;
    this.soon(this.turn);
  }

  private readonly turn = (): void => {
    this.isSoon = false;
    this.begun.clear();
    let bytes = 0;
    while (bytes < TURN_BYTES) {
      const waiting = this.line.take();
      if (waiting === undefined) break;
      bytes += REQUEST_BYTES + waiting.work.bytes;
      this.count(waiting.tenant, waiting.work.bytes);
      this.begin(waiting);
    }
    if (bytes > 0) this.next();
  };

  private begin({ connection, work, isAhead }: Waiting): void {
    if (isAhead) connection.resume();
    work.begun();
    // An answer before it may have been the last of its connection.
    if (!connection.isClosing) work.step();
  }
}
