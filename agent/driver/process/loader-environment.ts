/**
 * Which variables never pass through programs of the host on their way to a task. The shell, bubblewrap and nsenter
 * that carry them run outside the task's view, so a library that a variable names would be loaded there.
 */

/**
 * Names by which the dynamic loader and the C library of the host load code or data from elsewhere, and by which its
 * shell would trace, and expand, what it runs.
 */
const LOADER =
  /^(LD_.*|DYLD_.*|GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|LOCPATH|NLSPATH|MALLOC_TRACE|PERL5.*|PERLLIB|PERLIO.*|SHELLOPTS|BASHOPTS)$/;
/** Others are no variables for any shell; bash takes functions out of some of them. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Whether programs of the host would heed the variable. */
export function steersLoader(name: string): boolean {
  return !NAME.test(name) || LOADER.test(name);
}
