/**
 * The bounds of a port on connections, from the first byte to the first call. A network is an IPv4 address or an IPv6 /64.
 */

export interface ConnectionLimits {
  /** From the accepted connection to the finished handshake; then it is cut, whatever came meanwhile. */
  readonly handshakeTimeoutMs: number;
  /** A handshake older than this is cut when newer ones of its network wait for a place. */
  readonly handshakePatienceMs: number;
  /** From the finished handshake to a call that passed authentication; then the connection is cut. */
  readonly firstCallTimeoutMs: number;
  /** Accepted, with the handshake not yet begun; beyond it the network loses its oldest. */
  readonly waitingPerNetworkMax: number;
  /** Handshakes under way at once. */
  readonly unfinishedPerNetworkMax: number;
  /** Handshake done and nobody let in yet; beyond it the network loses its oldest. */
  readonly strangersPerNetworkMax: number;
  /** All three, of all networks; beyond it the network that has most loses its oldest. */
  readonly unprovenMax: number;
  /** Proven by one principal; beyond it that principal loses its oldest. */
  readonly provenPerPrincipalMax: number;
  /** Of every kind; beyond it an unproven one is cut, and when there is none newcomers are refused. */
  readonly connectionsMax: number;
  /** Handshakes that a network may begin at once, and how many more a second. */
  readonly burstPerNetwork: number;
  readonly perSecondPerNetwork: number;
  /** Networks without an unproven connection that are remembered; beyond it the one seen longest ago is forgotten. */
  readonly networksMax: number;
}

/**
 * Generous: thousands of agents may sit behind one address, and all dial again when a controller starts. In all there is
 * room for 5,000 hosts that come anew before their broken connections are noticed.
 */
export const CONNECTION_LIMITS: ConnectionLimits = {
  handshakeTimeoutMs: 10_000,
  handshakePatienceMs: 2_000,
  firstCallTimeoutMs: 20_000,
  waitingPerNetworkMax: 2_048,
  unfinishedPerNetworkMax: 256,
  strangersPerNetworkMax: 256,
  unprovenMax: 4_096,
  provenPerPrincipalMax: 1_024,
  connectionsMax: 16_384,
  burstPerNetwork: 2_000,
  perSecondPerNetwork: 200,
  networksMax: 4_096,
};
