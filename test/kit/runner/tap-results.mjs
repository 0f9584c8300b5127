/**
 * Reads what the tap runner wrote: totals by assert, and each skipped and failed test with its full name. The
 * file is read rather than tap's exit code trusted, because a run of zero tests also exits 0.
 */

/** As in test/kit/skips.ts. */
const SKIP_TITLE = 'cannot run here';
const POINT = /^( *)(not ok|ok) \d+(?: - (.*))?$/;
const DIRECTIVE = /(?:^| )# (skip|todo|time=)(.*)$/i;
const TOTALS =
  /^# \{ total: (\d+)(?:, pass: (\d+))?(?:, fail: (\d+))?(?:, todo: (\d+))?(?:, skip: (\d+))?.*\}$/;

/**
 * @param {string} text a TAP stream as `tap -o` writes it
 * @returns {{ totals?: { total: number, pass: number, fail: number, skip: number },
 *   skips: { name: string, reason: string }[], failures: string[] }} `totals` is absent when the stream was cut off
 *   before its last line, which means that the runner died.
 */
export function readTap(text) {
  const names = [];
  const skips = [];
  const failures = [];
  let totals;
  let diagnosticEnd;
  for (const line of text.split('\n')) {
    // What a test printed may look like TAP; inside a diagnostic nothing counts.
    if (diagnosticEnd !== undefined) {
      if (line === diagnosticEnd) diagnosticEnd = undefined;
      continue;
    }
    if (/^ *---$/.test(line)) {
      diagnosticEnd = line.replace('---', '...');
      continue;
    }
    const subtest = /^( *)# Subtest: (.*)$/.exec(line);
    if (subtest) {
      names.length = subtest[1].length / 4;
      names.push(withoutEscapes(subtest[2]));
      continue;
    }
    totals = readTotals(line) ?? totals;
    const point = POINT.exec(line.replace(/ \{$/, ''));
    if (point) notePoint(point, names, skips, failures);
  }
  return { totals, skips, failures };
}

function readTotals(line) {
  const found = TOTALS.exec(line);
  if (!found) return undefined;
  const [total, pass, fail, todo, skip] = found.slice(1).map((count) => Number(count ?? 0));
  return { total, pass, fail, skip: skip + todo };
}

function notePoint([, indent, verdict, rest = ''], names, skips, failures) {
  const depth = indent.length / 4;
  const directive = DIRECTIVE.exec(rest);
  const title = withoutEscapes(directive ? rest.slice(0, directive.index) : rest);
  const parents = names.slice(0, depth);
  if (directive && /skip|todo/i.test(directive[1])) {
    // A point that `skipUnless` made speaks for the test around it.
    const path = title === SKIP_TITLE ? parents : [...parents, title];
    skips.push({
      name: path.slice(1).join(' > '),
      reason: withoutEscapes(directive[2]) || 'no reason given',
    });
  } else if (verdict === 'not ok' && names.length <= depth) {
    failures.push([...parents.slice(1), title].join(' > '));
  }
  // The point of a finished subtest closes it: its children are no longer the innermost names.
  names.length = Math.min(names.length, depth);
}

function withoutEscapes(name) {
  return name.replace(/\\([#\\])/g, '$1').trim();
}
