import { type AddressInfo, Server } from 'node:net';

/**
 * Stops a TCP server from listening, and has it listen again at the same place; connections that stand go on. Where no connection
 * can be accepted for want of descriptors, the system would report those that wait again and again, as fast as it can be asked.
 */
export class Pausable {
  private readonly server: Server;
  private readonly where: AddressInfo;
  private isPaused = false;

  constructor(server: Server) {
    this.server = server;
    this.where = server.address() as AddressInfo;
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
    const { address: host, port } = this.where;
    // Somebody else has it: it is tried again with the next change.
    this.server.once('error', this.refused);
    this.server.listen({ host, port });
  }
}
