/**
 * Aim: a hanging driver is asked ever more rarely, is called stuck when it keeps hanging, and is forgiven at once
 * when it answers. Method: outcomes fed in, time by hand.
 */
import t from 'tap';
import {
  BACKOFF_FIRST_MS,
  BACKOFF_LAST_MS,
  createProbeBackoff,
  HANGS_TO_STUCK,
} from '../../../../agent/probe/probe-backoff.ts';
import type { Finding } from '../../../../agent/probe/probe-condition.ts';

const TIMEOUT: Finding = { code: 'PROBE_TIMEOUT', message: 'slow' };

function aBackoff() {
  const time = { nowMs: 0 };
  const clock = { nowMs: () => 0, monotonicMs: () => time.nowMs, after: () => ({ cancel: () => undefined }) };
  return { time, backoff: createProbeBackoff(clock) };
}

t.test('the pause doubles up to its bound', async (t) => {
  const { time, backoff } = aBackoff();
  t.equal(backoff.quiet(), undefined);
  for (let wantMs = BACKOFF_FIRST_MS; wantMs <= 2 * BACKOFF_LAST_MS; wantMs *= 2) {
    backoff.learn([TIMEOUT]);
    const pauseMs = Math.min(wantMs, BACKOFF_LAST_MS);
    time.nowMs += pauseMs - 1;
    t.ok(backoff.quiet(), `still quiet just before ${pauseMs} ms`);
    time.nowMs += 1;
    t.equal(backoff.quiet(), undefined, `asked again after ${pauseMs} ms`);
  }
});

t.test('the third hang in a row is a stuck driver, and an answer forgives', async (t) => {
  const { backoff } = aBackoff();
  const codes = Array.from({ length: HANGS_TO_STUCK }, () => backoff.learn([TIMEOUT])?.code);
  t.same(codes, ['PROBE_TIMEOUT', 'PROBE_TIMEOUT', 'PROBE_STUCK']);
  t.equal(backoff.quiet()?.code, 'PROBE_STUCK', 'the pause says the same');
  t.equal(backoff.learn([{ code: 'PROBE_FAILED', message: 'another fault' }]), undefined);
  t.equal(backoff.learn([TIMEOUT])?.code, 'PROBE_TIMEOUT', 'counting begins anew');
});
