import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AccessLog } from './access-log.ts';
import { type Connection, knownConnection } from './connection.ts';
import type { Lingering } from './lingering.ts';
import { peerOf } from './peer.ts';

const LATE = 'ERR_HTTP_REQUEST_TIMEOUT';
/** The answers that Node's parser gives by itself (`docs/protocol.md`: Errors); 400 for everything else. */
const STATUS: Readonly<Record<string, string>> = {
  [LATE]: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
};
const BAD_REQUEST = '400 Bad Request';

/**
 * Bytes that are no request, or come too slowly, never get to the pipeline: answered without a body, counted, logged. A body that is
 * waited for and does not come is told to whoever waits for it.
 */
export function onParserError(
  accessLog: AccessLog,
  lingering: Lingering,
): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  return (error, duplex) => {
    const socket = duplex as Socket;
    if (lingering.holds(socket)) return;
    // A peer that resets has done nothing else.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || !socket.writable) {
      socket.destroy();
      return;
    }
    const connection = knownConnection(socket);
    // It was refused, and goes once its answer is out: what comes behind is not looked at.
    if (connection?.isClosing === true) return;
    const isLate = error.code === LATE;
    if (isLate && connection?.late() === true) return;
    // The rest of a body that was refused: its answer is all there is to say.
    const isSaid = connection?.reading === 'answered';
    if (!isSaid) accessLog.cut(peerOf(socket), isLate ? 'timeout' : 'parser');
    const status = STATUS[error.code ?? ''] ?? BAD_REQUEST;
    const text = isSaid ? '' : `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
    inTurn(connection, lingering, socket, () => lingering.close(socket, true, text));
  };
}

/** Says it behind the answers to the requests before: it would be taken for one of them. */
function inTurn(connection: Connection | undefined, lingering: Lingering, socket: Socket, say: () => void): void {
  const last = connection?.last;
  if (connection === undefined || last == null || last.writableFinished) return say();
  const isItsAnswer = connection.reading === 'unanswered';
  if (isItsAnswer && last.socket !== null) return say();
  connection.isClosing = true;
  lingering.ignore(socket);
  last.once(isItsAnswer ? 'socket' : 'finish', say);
}
