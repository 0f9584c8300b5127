/**
 * What a revocation means for what is open: the host's session is told and ended at once, its connections are cut. Also
 * ends sessions whose host has let its certificate run out without renewing it.
 */
import type { HostId } from '../../proto/domain/ids.ts';
import { ClusterError } from '../../proto/errors/cluster-error.ts';
import type { Clock, Logger, Timer } from '../../proto/ports/index.ts';
import type { Engine } from '../core/engine.ts';

/** How often sessions are held against the end of their host's newest certificate. */
export const EXPIRY_LOOK_MS = 60_000;
/** Between the last word to a revoked agent and the cut. */
export const CUT_AFTER_MS = 250;

const REVOKES: ReadonlySet<string> = new Set(['host-revoked', 'host-removed']);
/** Certificates of before are of another generation. */
const CHANGES: ReadonlySet<string> = new Set([...REVOKES, 'host-joined']);

export interface RevocationWatchOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sessions: {
    connectedHosts(): Iterable<HostId>;
    endSession(hostId: HostId, error: ClusterError): void;
  };
  readonly cut: (hostId: HostId, afterMs: number) => void;
}

export function watchRevocations(options: RevocationWatchOptions): { close(): void } {
  const { engine, clock, logger, sessions } = options;
  let timer: Timer | undefined;
  let closed = false;

  const end = (hostId: HostId, error: ClusterError): void => {
    sessions.endSession(hostId, error);
    options.cut(hostId, CUT_AFTER_MS);
  };
  const stopListening = engine.onCommit(({ events }) => {
    for (const { type, subject } of events) {
      if (!CHANGES.has(type)) continue;
      const hostId = subject as HostId;
      if (REVOKES.has(type)) logger.warn('the connections of a revoked host are cut', { hostId });
      end(hostId, REVOKES.has(type) ? revoked() : joinedAnew());
    }
  });
  const look = async (): Promise<void> => {
    const nowMs = clock.nowMs();
    const over = await engine.read((view) =>
      [...sessions.connectedHosts()].filter((hostId) => {
        const identity = view.hostIdentity(hostId);
        return identity !== undefined && identity.notAfterMs < nowMs;
      }),
    );
    for (const hostId of over) end(hostId, expired());
  };
  const arm = (): void => {
    timer = clock.after(EXPIRY_LOOK_MS, () => {
      look()
        .catch((error: unknown) => logger.warn('certificates were not looked at', { error }))
        .finally(() => {
          if (!closed) arm();
        });
    });
  };
  arm();
  return {
    close() {
      closed = true;
      stopListening();
      timer?.cancel();
    },
  };
}

function revoked(): ClusterError {
  return new ClusterError('unauthenticated', 'HOST_REVOKED', 'the certificate of this host was revoked', {
    hint: 'join again with a token of nabla hosts join-token --host HOST',
  });
}

function joinedAnew(): ClusterError {
  return new ClusterError(
    'unauthenticated',
    'HOST_REVOKED',
    'this host joined anew with another certificate',
    {
      hint: 'run the agent that joined last, and no other for this host',
    },
  );
}

function expired(): ClusterError {
  return new ClusterError(
    'unauthenticated',
    'CERTIFICATE_EXPIRED',
    'the certificate of this host has expired',
    {
      hint: 'the agent renews it when it dials again; if that fails, join again with --host',
    },
  );
}
