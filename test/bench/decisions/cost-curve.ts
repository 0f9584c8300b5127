/**
 * The cost of a decision against the number of hosts, drawn as bars.
 */
const BAR_MAX = 50;

export function drawCost(
  costs: readonly { readonly hosts: number; readonly microseconds: number }[],
): string {
  const most = Math.max(...costs.map(({ microseconds }) => microseconds));
  const lines = costs.map(({ hosts, microseconds }) => {
    const bar = '#'.repeat(Math.max(1, Math.round((BAR_MAX * microseconds) / most)));
    return `${String(hosts).padStart(6)} hosts |${bar} ${microseconds.toFixed(1)} us`;
  });
  return `cost of a decision at 90 % full\n${lines.join('\n')}`;
}
