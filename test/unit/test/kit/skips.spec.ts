/**
 * Aim: a test that cannot run says so, and in CI may fail instead. Method: a recording twin of a tap test.
 */
import t from 'tap';
import { selectSpecs } from '../../../kit/import-specs.ts';
import { skipUnless } from '../../../kit/skips.ts';

function recorder(): {
  readonly said: string[];
  pass(message: string, extra: { skip: string }): void;
  fail(message: string): void;
} {
  const said: string[] = [];
  return {
    said,
    pass: (_message, { skip }) => said.push(`skip ${skip}`),
    fail: (message) => said.push(`fail ${message}`),
  };
}

function withCi(value: string | undefined, run: () => void): void {
  const before = process.env['CI'];
  if (value === undefined) delete process.env['CI'];
  else process.env['CI'] = value;
  try {
    run();
  } finally {
    if (before === undefined) delete process.env['CI'];
    else process.env['CI'] = before;
  }
}

t.test('nothing is said when the condition holds', async (t) => {
  const test = recorder();
  t.equal(skipUnless(test, 'found', 'no engine', { failInCi: true }), false);
  t.same(test.said, []);
});

t.test('a skip carries its reason', async (t) => {
  const test = recorder();
  withCi(undefined, () => t.equal(skipUnless(test, undefined, 'no engine', { failInCi: true }), true));
  withCi('true', () => t.equal(skipUnless(test, false, 'no GPU'), true));
  t.same(test.said, ['skip no engine', 'skip no GPU']);
});

t.test('what CI must have is a failure there', async (t) => {
  const test = recorder();
  withCi('true', () => t.equal(skipUnless(test, false, 'no engine', { failInCi: true }), true));
  t.same(test.said, ['fail cannot run in CI: no engine']);
});

t.test('specs are narrowed by parts of their paths', async (t) => {
  const files = ['agent/core/plan.spec.js', 'cli/render/table.spec.js'];
  t.same(selectSpecs(files, ''), files);
  t.same(selectSpecs(files, 'table,nothing'), ['cli/render/table.spec.js']);
  t.same(selectSpecs(files, 'nothing'), []);
});
