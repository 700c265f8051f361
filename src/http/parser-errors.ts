import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { isClosing } from './connection.ts';
import type { Ledger } from './ledger.ts';
import { peerOf } from './peer.ts';

/** The answers that Node's parser gives by itself (`docs/protocol.md`: Errors); 400 for everything else. */
const STATUS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
};
const BAD_REQUEST = '400 Bad Request';

/** Bytes that are no request, or come too slowly, never get to the gateway: answered without a body, counted, logged. */
export function onParserError(ledger: Ledger): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  return (error, duplex) => {
    const socket = duplex as Socket & { _httpMessage?: { headersSent: boolean } | null };
    // A peer that resets has done nothing else.
    if (error.code === 'ECONNRESET' || error.code === 'EPIPE' || !socket.writable) {
      socket.destroy();
      return;
    }
    // It was refused, and goes once its answer is out: what comes behind is not looked at.
    if (isClosing(socket)) return;
    const status = STATUS[error.code ?? ''] ?? BAD_REQUEST;
    ledger.cut(peerOf(socket), status.startsWith('408') ? 'timeout' : 'parser');
    // Behind a response that has begun nothing can be said any more.
    const begun = socket._httpMessage?.headersSent === true;
    if (begun) socket.destroy();
    else socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
  };
}
