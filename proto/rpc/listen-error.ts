/**
 * Why a port could not be listened on, as a ClusterError: shared by every door that listens. grpc-js gives only
 * text, Node an errno; both are read here.
 */
import { ClusterError } from '../errors/cluster-error.ts';

const ROWS = [
  {
    errno: 'EADDRINUSE',
    code: 'PORT_IN_USE',
    kind: 'precondition',
    message: 'the port is in use',
    hint: 'stop the program that listens there, or choose another port',
  },
  {
    errno: 'EACCES',
    code: 'LISTEN_FORBIDDEN',
    kind: 'forbidden',
    message: 'this user may not listen on the port',
    hint: 'choose a port above 1023',
  },
  {
    errno: 'EADDRNOTAVAIL',
    code: 'ADDRESS_UNKNOWN',
    kind: 'invalid',
    message: 'this machine does not have the address',
    hint: 'listen on 127.0.0.1, 0.0.0.0 or an address of this machine',
  },
  {
    errno: 'ENOTFOUND',
    code: 'ADDRESS_UNKNOWN',
    kind: 'invalid',
    message: 'the address does not resolve',
    hint: 'listen on 127.0.0.1, 0.0.0.0 or an address of this machine',
  },
] as const;

export function toListenError(error: unknown, address: string): ClusterError {
  const text = `${(error as NodeJS.ErrnoException | undefined)?.code ?? ''} ${String(error)}`;
  const row = ROWS.find(({ errno }) => text.includes(errno));
  const details = { address };
  if (row === undefined) {
    return new ClusterError('unavailable', 'LISTEN_FAILED', 'the address cannot be listened on', {
      details: { ...details, reason: String(error).slice(0, 300) },
      hint: 'check the address',
      cause: error,
    });
  }
  return new ClusterError(row.kind, row.code, row.message, { details, hint: row.hint, cause: error });
}
