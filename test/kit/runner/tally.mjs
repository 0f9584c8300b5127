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
    noteArea(area, narrowed, found, { code, signal, timedOut }) {
      const { totals, skips: areaSkips, failures: areaFailures, lost = [] } = found;
      // Tap counts asserts: a test that failed around good ones is in the list alone.
      const failed = Math.max(totals?.fail ?? 0, areaFailures.length);
      sum.passed += totals?.pass ?? 0;
      sum.failed += failed;
      sum.skipped += totals?.skip ?? 0;
      failures.push(...areaFailures.map(({ name }) => `${area}: ${name}`));
      if (failed > areaFailures.length)
        failures.push(`${area}: ${failed - areaFailures.length} more, of which the stream has no name`);
      skips.push(...areaSkips.map(({ name, reason }) => ({ name: `${area}: ${name}`, reason })));
      for (const name of lost)
        this.noteFailure(
          `${area}: ${name}: none of its asserts arrived; is there a line separator in a name?`,
        );
      if (timedOut) this.noteFailure(`${area}: stopped at its time limit`);
      else if (totals === undefined)
        this.noteFailure(`${area}: ended without a result (exit ${signal ?? code})`);
      else if (signal !== null) this.noteFailure(`${area}: ended by ${signal}`);
      else if (totals.pass + totals.fail === 0 && !narrowed) this.noteFailure(`${area}: ran no test`);
      else if (code !== 0 && failed + lost.length === 0)
        this.noteFailure(`${area}: exit ${code} without a failed test`);
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
