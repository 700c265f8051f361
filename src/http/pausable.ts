import { type AddressInfo, type ListenOptions, Server } from 'node:net';

/**
 * Stops a server from listening, and has it listen again at the same place (that of TCP by default); connections that stand go on.
 * Where no connection can be accepted for want of descriptors, the system would report those that wait again and again, as fast as
 * it can be asked. `onRefused` hears, once a pause, why it cannot listen again yet.
 */
export class Pausable {
  private readonly server: Server;
  private readonly where: () => ListenOptions | { readonly fd: number };
  private readonly onRefused: (error: NodeJS.ErrnoException) => void;
  private isPaused = false;
  private isTold = false;

  constructor(
    server: Server,
    where = sameAddress(server),
    onRefused: (error: NodeJS.ErrnoException) => void = () => {},
  ) {
    this.server = server;
    this.where = where;
    this.onRefused = onRefused;
    // An error from then on says nothing of its place.
    server.on('listening', () => server.off('error', this.refused));
  }

  private readonly refused = (error: NodeJS.ErrnoException): void => {
    this.isPaused = true;
    if (this.isTold) return;
    this.isTold = true;
    this.onRefused(error);
  };

  pause(paused: boolean): void {
    if (paused === this.isPaused) return;
    this.isPaused = paused;
    if (paused) {
      this.isTold = false;
      // That of HTTP servers would end connections too.
      Server.prototype.close.call(this.server);
      return;
    }
    // Somebody else has it, or no descriptor is left for it: it is tried again with the next call.
    this.server.once('error', this.refused);
    try {
      this.server.listen(this.where());
    } catch (error) {
      this.server.off('error', this.refused);
      this.refused(error as NodeJS.ErrnoException);
    }
  }
}

function sameAddress(server: Server): () => ListenOptions | { readonly fd: number } {
  const { address: host, port } = server.address() as AddressInfo;
  return () => ({ host, port });
}
