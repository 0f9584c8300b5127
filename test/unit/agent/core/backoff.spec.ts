/**
 * Aim: the first retry is fast, later ones stay under a doubling ceiling and the cap, what the controller asks for is
 * kept; and with both ends' rules together a whole fleet is back in time. Method: case tables, then 2,000 agents and
 * the controller's admission on a virtual clock.
 */
import t from 'tap';
import {
  chooseDelayMs,
  chooseReconnectMs,
  FAST_RETRY_MS,
  RECONNECT_BACKOFF,
} from '../../../../agent/core/backoff.ts';
import { createHelloAdmission } from '../../../../controller/effects/agent-link/hello-admission.ts';
import type { Rng } from '../../../../proto/ports/index.ts';
import { createRng } from '../../../../proto/runtime/rng.ts';

const always = (fraction: number): Rng => ({ integer: () => 0, fraction: () => fraction });

t.test('ceilings', async (t) => {
  const nearlyOne = always(0.999999);
  t.ok(chooseDelayMs(1, RECONNECT_BACKOFF, nearlyOne) < FAST_RETRY_MS);
  const delays = [2, 3, 4, 5, 6, 7, 50].map((failures) =>
    chooseDelayMs(failures, RECONNECT_BACKOFF, nearlyOne),
  );
  t.same(delays, [999, 1999, 3999, 7999, 11999, 11999, 11999]);
  t.equal(chooseDelayMs(9, RECONNECT_BACKOFF, always(0)), 0, 'full jitter reaches zero');
});

t.test('what the controller asks for is kept, and not for ever', async (t) => {
  t.equal(chooseReconnectMs(9, 4_000, always(0)), 4_000);
  t.equal(chooseReconnectMs(9, 4_000, always(1)), 5_000);
  t.equal(chooseReconnectMs(9, 1e9, always(0)), 60_000);
  t.ok(chooseReconnectMs(1, undefined, always(0.999)) < FAST_RETRY_MS);
});

const AGENTS = 2_000;
/** A refused connection, and a TLS handshake with a hello. */
const REFUSED_MS = 2;
const HANDSHAKE_MS = 30;

/** Milliseconds from ready to hello of each agent, sorted, when the controller was away for so long. */
function reconverge(awayMs: number, seed: number): readonly number[] {
  const rng = createRng(seed);
  let nowMs = 0;
  const admission = createHelloAdmission({ monotonicMs: () => nowMs });
  // Until it is back they do not meet.
  const dials = Array.from({ length: AGENTS }, () => {
    const dial = { atMs: 0, failures: 0 };
    while (dial.atMs < awayMs) {
      dial.failures += 1;
      dial.atMs += REFUSED_MS + chooseReconnectMs(dial.failures, undefined, rng);
    }
    return dial;
  });
  const backMs: number[] = [];
  while (dials.length > 0) {
    dials.sort((a, b) => b.atMs - a.atMs);
    const dial = dials.pop()!;
    nowMs = dial.atMs + HANDSHAKE_MS;
    const retryAfterMs = admission.ask();
    if (retryAfterMs === 0) {
      backMs.push(nowMs - awayMs);
      continue;
    }
    dial.failures += 1;
    dial.atMs = nowMs + chooseReconnectMs(dial.failures, retryAfterMs, rng);
    dials.push(dial);
  }
  return backMs.sort((a, b) => a - b);
}

for (const awayMs of [0, 1_000, 5_000, 30_000, 600_000]) {
  t.test(`${AGENTS} agents are back after ${awayMs} ms without a controller`, async (t) => {
    for (const seed of [1, 2, 3]) {
      const backMs = reconverge(awayMs, seed);
      const p95 = backMs[Math.floor(AGENTS * 0.95)]!;
      const last = backMs.at(-1)!;
      t.comment(`seed ${seed}: 95 % after ${p95} ms, all after ${last} ms`);
      t.ok(p95 <= 15_000, `95 % within 15 s: ${p95}`);
      t.ok(last <= 45_000, `all within 45 s: ${last}`);
    }
  });
}
