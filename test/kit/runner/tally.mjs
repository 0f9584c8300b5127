/**
 * The count that a whole run ends with. Everything that can go wrong outside a test (a crash, a time limit, a
 * failed lint, an area without tests) is counted as one failure with a name, so that no run can end well by accident.
 */

/** @returns {ReturnType<typeof createTally>} */
export function createTally() {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  const failures = [];
  const skips = [];
  return {
    /** One step outside the suites, such as the linter: it counts only when it fails. */
    noteStep(name, ok, why = '') {
      if (!ok) this.noteFailure(why === '' ? name : `${name}: ${why}`);
    },
    noteFailure(name) {
      sum.failed += 1;
      failures.push(name);
    },
    /** One area: what its TAP file said and how its process ended. A narrowed run may well match nothing in it. */
    noteArea(
      area,
      narrowed,
      { totals, skips: areaSkips, failures: areaFailures },
      { code, signal, timedOut },
    ) {
      sum.passed += totals?.pass ?? 0;
      sum.failed += totals?.fail ?? 0;
      sum.skipped += totals?.skip ?? 0;
      failures.push(...areaFailures.map(({ name }) => `${area}: ${name}`));
      skips.push(...areaSkips.map(({ name, reason }) => ({ name: `${area}: ${name}`, reason })));
      if (timedOut) this.noteFailure(`${area}: stopped at its time limit`);
      else if (totals === undefined)
        this.noteFailure(`${area}: ended without a result (exit ${signal ?? code})`);
      else if (totals.pass + totals.fail === 0 && !narrowed) this.noteFailure(`${area}: ran no test`);
      else if (code !== 0 && totals.fail === 0)
        this.noteFailure(`${area}: exit ${signal ?? code} without a failed test`);
    },
    /** The lines to end with; the last one is the plain count. */
    lines() {
      return [
        ...skips.map(({ name, reason }) => `skipped: ${name} (${reason})`),
        ...failures.map((name) => `failed: ${name}`),
        `${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`,
      ];
    },
    /** A run in which nothing ran has not passed. */
    exitCode() {
      return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
    },
  };
}
