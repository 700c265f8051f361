import { type AddressInfo, type ListenOptions, Server } from 'node:net';

/**
 * Stops a server from listening, and has it listen again at the same place (that of TCP by default); connections that stand go on.
 * Where no connection can be accepted for want of descriptors, the system would report those that wait again and again, as fast as
 * it can be asked.
 */
export class Pausable {
  private readonly server: Server;
  private readonly where: () => ListenOptions | { readonly fd: number };
  private isPaused = false;

  constructor(server: Server, where = sameAddress(server)) {
    this.server = server;
    this.where = where;
    // An error from then on says nothing of its place.
    server.on('listening', () => server.off('error', this.refused));
  }

  private readonly refused = (): void => {
    this.isPaused = true;
  };

  pause(paused: boolean): void {
    if (paused === this.isPaused) return;
    this.isPaused = paused;
    if (paused) {
      // That of HTTP servers would end connections too.
      Server.prototype.close.call(this.server);
      return;
    }
    // Somebody else has it, or no descriptor is left for it: it is tried again with the next change.
    this.server.once('error', this.refused);
    try {
      this.server.listen(this.where());
    } catch {
      this.server.off('error', this.refused);
      this.refused();
    }
  }
}

function sameAddress(server: Server): () => ListenOptions | { readonly fd: number } {
  const { address: host, port } = server.address() as AddressInfo;
  return () => ({ host, port });
}
