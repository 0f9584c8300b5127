/**
 * Where a controller is and what proves the caller to it.
 */

export interface ConnectionTarget {
  /** `host:port` of gRPC. */
  readonly grpcAddress: string;
  /** `host:port` of HTTP; undefined: asked of the controller. */
  readonly httpAddress?: string;
  readonly token: string;
  /** PEM; undefined: the system's authorities. */
  readonly caPem?: string;
  /** How this target was found, for error messages. */
  readonly foundBy: string;
}
