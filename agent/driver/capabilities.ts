/**
 * The capabilities that tasks keep, the same with every driver that can take the others away.
 */

/** As container engines leave them: what package tools and servers inside need, nothing that reaches the host. */
export const KEPT_CAPABILITIES = [
  'chown',
  'dac_override',
  'fowner',
  'fsetid',
  'kill',
  'setgid',
  'setuid',
  'net_bind_service',
  'sys_chroot',
] as const;
