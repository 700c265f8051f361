import { Client, type ClientConfig, type QueryResult } from 'pg';
import type { Address } from './address.ts';
import { EngineRefusal, isOfStatement, isReadOnly, refusalOf } from './refusal.ts';

/** Of one connection at a time: a log has one question at a time, and few logs ask at once. */
const WAITING_MAX = 1_024;

export interface Query {
  /** Prepared under it, where it is asked often. */
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
}
type Row = Record<string, unknown>;
export type Answer = Pick<QueryResult<Row>, 'rows' | 'rowCount'>;
type Done = (answer: Answer | Error) => void;

/** Says whether a server will do, when a connection is made: null, or why not. */
export type Check = (
  ask: (query: Query) => Promise<Answer>,
  client: Client,
  config: ClientConfig,
) => Promise<string | null>;

export interface SessionOptions {
  readonly addresses: readonly Address[];
  readonly answersWithinMs: number;
  /** Of the connection, in `pg_stat_activity`. */
  readonly name: string;
  readonly check: Check;
  /** Any notice ends the connection: what it was said about is not certain. */
  readonly isStrict: boolean;
  /** What waits behind a question that got no answer in time gets none either: all of them wait for the same standby. */
  readonly failsTogether?: boolean;
  readonly notified?: () => void;
}

/** What there is of a client that its types do not tell. */
interface Inner {
  readonly processID: number | null;
  readonly connection: { readonly stream: { destroy(): void } };
}
export const innerOf = (client: Client): Inner => client as unknown as Inner;

interface Asked {
  readonly query: Query;
  readonly done: Done;
}

/**
 * One connection to whichever server is the primary, made when something is asked and made anew when it is gone. One question at a time, each
 * with a deadline of ours: PostgreSQL has none for an answer that waits for a standby. What is not answered in time ends the connection,
 * for whatever comes on it later would be taken for something else.
 */
export class Session {
  private readonly options: SessionOptions;
  private client: Client | null = null;
  private connecting: Promise<Client> | null = null;
  private current: Asked | null = null;
  private waiting: Asked[] = [];
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;
  /** Which of the servers is tried first. */
  private first = 0;

  constructor(options: SessionOptions) {
    this.options = options;
  }

  get isIdle(): boolean {
    return this.current === null;
  }

  /** Calls `done` once, within the deadline and the time to connect. */
  ask(query: Query, done: Done): void {
    if (this.isClosed) return done(new EngineRefusal('the connection is closed'));
    if (this.waiting.length >= WAITING_MAX) return done(new EngineRefusal(`more than ${WAITING_MAX} questions wait`));
    this.waiting.push({ query, done });
    this.pump();
  }

  /** Nothing more is heard of what is under way. */
  drop(error: Error): void {
    const { client } = this;
    this.client = null;
    if (client !== null) innerOf(client).connection.stream.destroy();
    this.end(error);
  }

  close(): void {
    this.isClosed = true;
    const error = new EngineRefusal('the connection is closed');
    this.drop(error);
    for (const { done } of this.waiting.splice(0)) done(error);
  }

  private pump(): void {
    if (this.current !== null) return;
    const next = this.waiting.shift();
    if (next === undefined) return;
    this.current = next;
    this.timer = setTimeout(() => this.late(), this.options.answersWithinMs);
    this.run(next);
  }

  private late(): void {
    const { answersWithinMs, failsTogether = false } = this.options;
    const error = new EngineRefusal(`PostgreSQL: no answer within ${answersWithinMs} ms`);
    const others = failsTogether ? this.waiting.splice(0) : [];
    this.drop(error);
    for (const { done } of others) done(error);
  }

  private run(asked: Asked): void {
    const { client } = this;
    if (client !== null) return this.send(client, asked);
    this.connected().then(
      (made) => {
        if (this.current === asked) this.send(made, asked);
        else this.pump();
      },
      (error) => {
        // Whoever waits behind it would be told the same, much later.
        const others = this.waiting.splice(0);
        if (this.current === asked) this.end(error as Error);
        for (const { done } of others) done(error as Error);
      },
    );
  }

  private send(client: Client, asked: Asked): void {
    client.query({ ...asked.query, values: asked.query.values ?? [] }, (error: Error | null, result) => {
      if (this.current !== asked) return;
      if (error !== null && (!isOfStatement(error) || isReadOnly(error))) return this.drop(error);
      this.end(error ?? result);
    });
  }

  private end(answer: Answer | Error): void {
    const { current } = this;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.current = null;
    current?.done(answer);
    this.pump();
  }

  // ---- connecting

  /** One at a time, whoever asks for it. */
  private connected(): Promise<Client> {
    this.connecting ??= this.connect().finally(() => {
      this.connecting = null;
    });
    return this.connecting;
  }

  private async connect(): Promise<Client> {
    const { addresses } = this.options;
    let last: Error = new EngineRefusal('no server');
    for (let i = 0; i < addresses.length; i++) {
      const at = (this.first + i) % addresses.length;
      try {
        const client = await this.connectTo(addresses[at] as Address);
        this.first = at;
        return client;
      } catch (error) {
        last = error as Error;
      }
    }
    throw last;
  }

  private async connectTo({ config, text: where }: Address): Promise<Client> {
    const { name, check, answersWithinMs } = this.options;
    const full: ClientConfig = { ...config, application_name: name, connectionTimeoutMillis: answersWithinMs };
    const client = new Client({ ...full, keepAlive: true });
    let why: Error | null = null;
    const gone = (error?: Error): void => {
      why ??= refusalOf(where, error ?? new Error('the connection is gone'));
      if (this.client === client) this.drop(why);
    };
    client.on('error', gone);
    client.on('end', () => gone());
    client.on('notice', ({ message }) => {
      // What is said while it is made, of collations and the like, is of no statement.
      if (this.options.isStrict && this.client === client) gone(new Error(`it warns: ${message}`));
    });
    client.on('notification', () => this.options.notified?.());
    const deadline = setTimeout(() => innerOf(client).connection.stream.destroy(), answersWithinMs);
    try {
      await client.connect();
      const wrong = await check((query) => client.query(query as never), client, full);
      if (wrong !== null) throw new EngineRefusal(`PostgreSQL at ${where}: ${wrong}`);
    } catch (error) {
      innerOf(client).connection.stream.destroy();
      throw refusalOf(where, error);
    } finally {
      clearTimeout(deadline);
    }
    if (why !== null || this.isClosed) {
      innerOf(client).connection.stream.destroy();
      throw why ?? new EngineRefusal('the connection is closed');
    }
    this.client = client;
    return client;
  }
}
