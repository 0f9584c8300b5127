/** The version that this agent tells; kept equal to that of the package. */
export const AGENT_VERSION = '0.1.0';
