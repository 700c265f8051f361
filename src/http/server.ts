import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, ListenOptions, Server as NetServer, Socket } from 'node:net';
import type { Registry } from 'prom-client';
import type { Session } from '../auth/authorize.ts';
import type { AccessLog } from './access-log.ts';
import { ServerRequest } from './body.ts';
import { connectionOf, isKnown, knownConnection } from './connection.ts';
import { type ConsoleFiles, consoleHandler } from './console.ts';
import { createDispatch, type DispatchMode, type NodeRequestHandler } from './dispatch.ts';
import { Lingering } from './lingering.ts';
import { onParserError } from './parser-errors.ts';
import { Pausable } from './pausable.ts';
import { peerOf } from './peer.ts';
import type { Pipeline } from './pipeline.ts';
import type { ResponseWriterOptions } from './response-writer.ts';
import { misdirected, Scrapers } from './scrapers.ts';
import { startingHandler } from './starting.ts';
import { type SecureOptions, secureOptions, type TlsPair } from './tls.ts';
import { Unauthenticated } from './unauthenticated.ts';

/** Bounds of connections, which may change while the server runs. */
export interface ConnectionRules {
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Of all listeners together. */
  readonly connectionsMax: number;
  readonly requestsPerSocket: number;
}

/** Timeouts are looked at this often; Node's own default of 30 s would make them meaningless. */
const CHECK_INTERVAL_MS = 500;
const HEADER_BYTES_MAX = 16 * 1024;
export const METRICS_CONNECTIONS_MAX = 16;

/** The system could not hand one connection over (no memory, say): that ends no other one, and nobody else. */
const ONE_LOST = (): void => {};

/** An address, or descriptors of a socket that is bound to one: another with each call, closed with the listener. */
type Where = ListenOptions | { readonly path: string; readonly descriptor: () => number };

/** A listening server. */
export interface Listener {
  /** As bound: `host:port`, or the path of a Unix socket. */
  readonly address: string;
  /** Stops listening, lets go connections without a request, and cuts the rest after the deadline. */
  close(deadlineMs: number): Promise<void>;
}

export interface DoorsOptions {
  readonly accessLog: AccessLog;
  /** What a connection starts with. */
  readonly newSession: () => Session;
  readonly rules: ConnectionRules;
}

/** What all listeners of the service share: the way in, its bounds, and who is in. */
export class Doors {
  readonly accessLog: AccessLog;
  private readonly newSession: () => Session;
  private handler: NodeRequestHandler;
  private readonly servers = new Set<Server | TlsServer>();
  private rules: ConnectionRules;
  private readonly unauthenticated = new Unauthenticated(isKnown);
  private readonly lingering = new Lingering(() => this.rules);
  private readonly pausables: Pausable[] = [];
  private isClosing = false;
  private open = 0;

  /** Whoever comes is told that the server is starting, until it serves. */
  constructor({ accessLog, newSession, rules }: DoorsOptions) {
    this.accessLog = accessLog;
    this.newSession = newSession;
    this.rules = rules;
    this.handler = startingHandler({ accessLog, newSession, ...this.writer() });
  }

  /** From now on the pipeline answers. */
  serve(pipeline: Pipeline, mode: DispatchMode): void {
    this.handler = createDispatch({ pipeline, mode, ...this.writer() });
  }

  private writer(): ResponseWriterOptions {
    return {
      closing: () => this.isClosing,
      rules: () => this.rules,
      onSlowReader: (socket, way) => this.accessLog.cut(peerOf(socket), 'slow_reader', 'saturated', way),
    };
  }

  /** Open connections of all listeners. */
  get connections(): number {
    return this.open;
  }

  /** Other bounds, for what is connected and for what comes (a request keeps the deadline it began with). */
  apply(rules: ConnectionRules): void {
    this.rules = rules;
    for (const server of this.servers) this.bound(server);
    for (let over = this.open - rules.connectionsMax; over > 0; over--) this.turnOut(this.unauthenticated.takeOldest());
    this.listenOrPause();
  }

  /** To be called again and again: what could not listen where it did before, since somebody else has the place, is tried again. */
  listenOrPause(): void {
    for (const pausable of this.pausables) pausable.pause(this.rules.connectionsMax === 0);
  }

  /** A server that listens only while descriptors are left for connections, one that is no door of the service too. */
  pauses(server: NetServer, address: string, where?: () => ListenOptions | { readonly fd: number }): void {
    const onRefused = ({ code }: NodeJS.ErrnoException): void => this.accessLog.deaf(address, code ?? 'unknown');
    this.pausables.push(new Pausable(server, where, onRefused));
  }

  private turnOut(socket: Socket | undefined): void {
    if (socket === undefined) return;
    this.accessLog.cut(peerOf(socket), 'max_connections', 'saturated');
    socket.destroy();
  }

  /** Another certificate for the handshakes to come; connections that stand keep theirs. @throws when it is no pair */
  renew(pair: TlsPair): void {
    for (const server of this.servers) {
      // All of the options again: without them TLS 1.2 would be back.
      if ('setSecureContext' in server) server.setSecureContext(secureOptions(pair));
    }
  }

  /**
   * Listens for HTTP/1.1, over TLS 1.3 when there is a pair (S1); every wait is bounded (D1). `welcome` sees a connection
   * before anything is read from it, and may destroy it. `files`: the console, which this listener serves besides.
   */
  async listen(
    where: Where,
    pair: TlsPair | null,
    { welcome, files }: { readonly welcome?: (socket: Socket) => void; readonly files?: ConsoleFiles } = {},
  ): Promise<Listener> {
    const server = this.create(pair === null ? null : secureOptions(pair));
    this.bound(server);
    const { accessLog } = this;
    const interfaceHandler: NodeRequestHandler = (req, res) => this.handler(req, res);
    const { newSession } = this;
    const handler =
      files === undefined
        ? interfaceHandler
        : consoleHandler(files, { accessLog, newSession, ...this.writer() }, interfaceHandler);
    server.on('connection', (socket: Socket) => this.enter(socket, pair !== null, welcome));
    server.on('secureConnection', (socket: Socket) => this.unauthenticated.secured(socket));
    server.on(pair === null ? 'connection' : 'secureConnection', (socket: Socket) =>
      this.lingering.adopt(socket, (each) => knownConnection(each)?.reading !== 'whole'),
    );
    server.on('request', handler);
    // The body is asked for only once the capability has been accepted.
    server.on('checkContinue', handler);
    server.on('checkExpectation', (req, res) => {
      accessLog.cut(peerOf(req.socket), 'expect');
      connectionOf(req.socket, this.newSession).refuses(res);
      res.writeHead(417, { connection: 'close', 'content-length': 0 }).end();
    });
    server.on('dropRequest', ({ socket }) => this.full(socket));
    server.on('connect', (_req, socket: Socket) => {
      accessLog.cut(peerOf(socket), 'connect');
      socket.destroy();
    });
    server.on('clientError', onParserError(accessLog, this.lingering));
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      accessLog.handshakeFailed(peerOf(socket), error.code ?? 'unknown');
      socket.destroy();
    });
    const again = 'descriptor' in where ? () => ({ fd: where.descriptor() }) : undefined;
    // What listens on a descriptor has no address that Node knows.
    const address = (await listening(server, again?.() ?? where)) ?? where.path ?? '';
    server.on('error', ONE_LOST);
    this.servers.add(server);
    this.pauses(server, address, again);
    return { address, close: (deadlineMs) => this.close(server, deadlineMs) };
  }

  private create(secure: SecureOptions | null): Server | TlsServer {
    const options: ServerOptions = {
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      noDelay: true,
      // Node would answer by itself, unseen: `headOf` refuses.
      requireHostHeader: false,
      IncomingMessage: ServerRequest,
    };
    const server =
      secure === null
        ? createServer(options)
        : createTlsServer({ ...options, ...secure, handshakeTimeout: this.rules.readTimeoutMs });
    // By default Node drops what is beyond 2000 without a word; none here, and `headOf` refuses long before.
    server.maxHeadersCount = 0;
    return server;
  }

  private bound(server: Server | TlsServer): void {
    const { readTimeoutMs, idleTimeoutMs, requestsPerSocket } = this.rules;
    server.requestTimeout = readTimeoutMs;
    server.headersTimeout = readTimeoutMs;
    server.keepAliveTimeout = idleTimeoutMs;
    server.maxRequestsPerSocket = requestsPerSocket;
  }

  private enter(socket: Socket, isSecured: boolean, welcome?: (socket: Socket) => void): void {
    // A peer that resets must not take the process down.
    socket.on('error', () => socket.destroy());
    if (this.open >= this.rules.connectionsMax && !this.lingering.makeRoom()) {
      const leaving = this.unauthenticated.takeOldest() ?? socket;
      this.turnOut(leaving);
      if (leaving === socket) return;
    }
    this.open++;
    socket.once('close', () => this.open--);
    this.unauthenticated.add(socket, isSecured);
    welcome?.(socket);
  }

  /** A request after the last that its connection may make: Node answers 503 and closes. Told once. */
  private full(socket: Socket): void {
    const connection = connectionOf(socket, this.newSession);
    if (connection.isClosing) return;
    connection.isClosing = true;
    this.accessLog.cut(peerOf(socket), 'requests_per_socket', 'saturated');
  }

  private close(server: Server | TlsServer, deadlineMs: number): Promise<void> {
    this.isClosing = true;
    this.pausables.length = 0;
    this.servers.delete(server);
    const closed = close(server, deadlineMs);
    // Node takes them for busy, and would wait for them.
    this.unauthenticated.endSilent();
    return closed;
  }
}

export interface MetricsWhere {
  readonly host: string;
  readonly port: number;
  readonly hosts: () => readonly string[];
  readonly pauses?: (server: NetServer, address: string) => void;
}

/**
 * Prometheus text on a listener of its own (B5): whoever may reach it may read it, so it binds loopback by default. `hosts`: names
 * that it goes by besides its address. `pauses` may have it stop listening for a while.
 */
export async function listenMetrics(
  registry: Registry,
  { host, port, hosts, pauses }: MetricsWhere,
): Promise<Listener> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000, connectionsCheckingInterval: 500 });
  new Scrapers(METRICS_CONNECTIONS_MAX).watch(server);
  server.on('connection', (socket) => socket.on('error', () => socket.destroy()));
  const lingering = new Lingering(() => ({ readTimeoutMs: 5_000, connectionsMax: METRICS_CONNECTIONS_MAX }));
  server.on('connection', (socket) => lingering.adopt(socket, () => true));
  server.on('request', (req, res) => {
    const stranger = misdirected(req, [host.includes(':') ? `[${host}]` : host, ...hosts()]);
    if (stranger !== null) {
      res.writeHead(421, { 'content-type': 'text/plain', connection: 'close' }).end(stranger);
      return;
    }
    if (req.method !== 'GET' || req.url !== '/metrics') {
      res.writeHead(req.method === 'GET' ? 404 : 405, { connection: 'close' }).end();
      return;
    }
    registry.metrics().then(
      (text) => res.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => res.writeHead(500, { connection: 'close' }).end(),
    );
  });
  const address = (await listening(server, { host, port })) ?? '';
  server.on('error', ONE_LOST);
  pauses?.(server, address);
  return { address, close: (deadlineMs) => close(server, deadlineMs) };
}

function listening(server: Server | TlsServer, where: ListenOptions | { readonly fd: number }): Promise<string | null> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      const bound = server.address() as AddressInfo | null;
      if (bound === null) return resolve(null);
      resolve(`${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`);
    });
  });
}

function close(server: Server | TlsServer, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
    server.closeIdleConnections();
  });
}
