import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { createDispatch, type DispatchMode } from './dispatch.ts';
import type { Gateway } from './gateway.ts';

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly connectionsMax: number;
  readonly requestsPerSocket: number;
  readonly dispatch: DispatchMode;
}

/** Timeouts are looked at this often; Node's own default of 30 s would make them meaningless. */
const CHECK_INTERVAL_MS = 500;
const HEADER_BYTES_MAX = 16 * 1024;
const METRICS_CONNECTIONS_MAX = 16;

/** A listening HTTP server. */
export interface Listener {
  /** `host:port` as bound. */
  readonly address: string;
  readonly connections: () => number;
  /** Stops listening, lets answered connections go, and cuts the rest after the deadline. */
  close(deadlineMs: number): Promise<void>;
}

/** The service's own listener: HTTP/1.1, every wait bounded (D1). */
export function listenHttp(gateway: Gateway, options: HttpOptions): Promise<Listener> {
  let closing = false;
  const { dispatch: mode, writeTimeoutMs } = options;
  const handler = createDispatch({ gateway, mode, writeTimeoutMs, closing: () => closing });
  const server = createServer({
    requestTimeout: options.readTimeoutMs,
    headersTimeout: options.readTimeoutMs,
    keepAliveTimeout: options.idleTimeoutMs,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    noDelay: true,
  });
  server.maxConnections = options.connectionsMax;
  server.maxRequestsPerSocket = options.requestsPerSocket;
  server.on('request', handler);
  // The body is asked for only once the capability has been accepted.
  server.on('checkContinue', handler);
  server.on('connect', (_req, socket) => socket.destroy());
  return listening(server, options.host, options.port, () => {
    closing = true;
  });
}

/** Prometheus text on a listener of its own (B5): whoever may reach it may read it, so it binds loopback by default. */
export function listenMetrics(registry: Registry, host: string, port: number): Promise<Listener> {
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000, connectionsCheckingInterval: 500 });
  server.maxConnections = METRICS_CONNECTIONS_MAX;
  server.on('request', (req, res) => {
    if (req.method !== 'GET' || req.url !== '/metrics') {
      res.writeHead(req.method === 'GET' ? 404 : 405, { connection: 'close' }).end();
      return;
    }
    registry.metrics().then(
      (text) => res.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => res.writeHead(500, { connection: 'close' }).end(),
    );
  });
  return listening(server, host, port, () => {});
}

function listening(server: Server, host: string, port: number, onClosing: () => void): Promise<Listener> {
  let open = 0;
  server.on('connection', (socket) => {
    open++;
    socket.on('close', () => open--);
    // A peer that resets must not take the process down.
    socket.on('error', () => socket.destroy());
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const bound = server.address() as AddressInfo;
      const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
      resolve({
        address: `${name}:${bound.port}`,
        connections: () => open,
        close: (ms) => close(server, ms, onClosing),
      });
    });
  });
}

function close(server: Server, deadlineMs: number, onClosing: () => void): Promise<void> {
  onClosing();
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), deadlineMs);
    server.close(() => {
      clearTimeout(deadline);
      resolve();
    });
    server.closeIdleConnections();
  });
}
