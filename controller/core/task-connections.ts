/**
 * What the RPC handlers need of the agents' data connections. The HTTP port implements it; it stands here because
 * doors may not import from one another.
 */
import type { HostId, TaskKey } from '../../proto/domain/ids.ts';

export interface LogRequest {
  readonly offset: number;
  readonly follow: boolean;
  /** 0: from the offset. */
  readonly tailLines: number;
  readonly signal: AbortSignal;
}

export interface HostLog {
  /** Logical offset of the first frame. */
  readonly offset: number;
  /** Framed bytes cut anywhere; leaving the iteration early closes the request. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** Exec frames both ways. */
export interface ExecStream {
  /** Framed bytes from the agent, cut anywhere. */
  readonly output: AsyncIterable<Uint8Array>;
  /** Resolves when the agent has room for more. @throws ClusterError once the stream is gone */
  write(bytes: Uint8Array): Promise<void>;
  end(): void;
  /** Idempotent; the agent then ends the command. */
  close(): void;
}

export interface TaskConnections {
  /** @throws ClusterError unavailable HOST_UNREACHABLE; what the agent refused with otherwise */
  openLog(hostId: HostId, key: TaskKey, request: LogRequest): Promise<HostLog>;
  /** @throws as openLog */
  openExec(hostId: HostId, key: TaskKey, signal: AbortSignal): Promise<ExecStream>;
}
