/**
 * Reads what an area wrote: totals by assert, and each skipped and failed test with its full name. The stream is
 * read rather than the exit code trusted, because a run of zero tests also exits 0.
 */

/** As in test/kit/skips.ts. */
const SKIP_TITLE = 'cannot run here';
// A name may hold a line separator, which a plain dot does not match.
const POINT = /^( *)(not ok|ok)(?: \d+)?(?: - (.*))?$/s;
const DIRECTIVE = /(?:^| )# (skip|todo|time=)(.*)$/is;
const SUBTEST = /^( *)# Subtest: (.*)$/s;
/** Tap's own word for a subtest of which no assert came through; one that makes none has no comment. */
const NOTHING_CAME = /^( +)1\.\.0 # no tests found$/;
const TOTALS =
  /^# \{ total: (\d+)(?:, pass: (\d+))?(?:, fail: (\d+))?(?:, todo: (\d+))?(?:, skip: (\d+))?.*\}$/;

const DIAGNOSTIC_LINES_MAX = 60;

/**
 * @param {string} text a TAP stream as tap writes it
 * @returns {{ totals?: { total: number, pass: number, fail: number, skip: number },
 *   skips: { name: string, reason: string }[], failures: { name: string, diagnostic: string[] }[], lost: string[] }}
 *   `totals` is absent when the stream was cut off before its last line, which means that the process died. `lost`
 *   are tests that pass in the stream although their asserts are not in it.
 */
export function readTap(text) {
  const open = { names: [], failuresBefore: [] };
  const found = { totals: undefined, skips: [], failures: [], lost: [] };
  let point;
  let diagnostic;
  for (const line of text.split('\n')) {
    // What a test printed may look like TAP; inside a diagnostic nothing counts.
    if (diagnostic !== undefined) {
      if (line === diagnostic.end) diagnostic = undefined;
      else if (diagnostic.lines.length < DIAGNOSTIC_LINES_MAX) diagnostic.lines.push(line);
    } else if (point !== undefined && line === `${point.indent}  ---`) {
      diagnostic = { end: `${point.indent}  ...`, lines: point.diagnostic };
    } else {
      point = readLine(line, open, found);
    }
  }
  return found;
}

/** Returns where the diagnostic of a test point belongs, when the line is one. */
function readLine(line, open, found) {
  const subtest = SUBTEST.exec(line);
  if (subtest) {
    const depth = subtest[1].length / 4;
    open.names.length = depth;
    open.names[depth] = withoutEscapes(subtest[2]);
    open.failuresBefore[depth] = found.failures.length;
    return undefined;
  }
  const nothing = NOTHING_CAME.exec(line);
  if (nothing) found.lost.push(open.names.slice(0, nothing[1].length / 4).join(' > '));
  found.totals = readTotals(line) ?? found.totals;
  const point = POINT.exec(line.replace(/ \{$/, ''));
  return point ? notePoint(point, open, found) : undefined;
}

function readTotals(line) {
  const found = TOTALS.exec(line);
  if (!found) return undefined;
  const [total, pass, fail, todo, skip] = found.slice(1).map((count) => Number(count ?? 0));
  return { total, pass, fail, skip: skip + todo };
}

function notePoint([, indent, verdict, rest = ''], { names, failuresBefore }, { skips, failures }) {
  const depth = indent.length / 4;
  const directive = DIRECTIVE.exec(rest);
  const title = withoutEscapes(directive ? rest.slice(0, directive.index) : rest);
  const parents = names.slice(0, depth);
  // The point of a finished subtest repeats what its own points said, unless none of them failed: a plan that was
  // not kept, a teardown that threw.
  const isNews = names.length <= depth || failuresBefore[depth] === failures.length;
  names.length = Math.min(names.length, depth);
  const noted = { name: [...parents, title].join(' > '), diagnostic: [] };
  if (directive && /skip|todo/i.test(directive[1])) {
    // A point that `skipUnless` made speaks for the test around it.
    const name = title === SKIP_TITLE ? parents.join(' > ') : noted.name;
    skips.push({ name, reason: withoutEscapes(directive[2]) || 'no reason given' });
  } else if (verdict === 'not ok' && isNews) failures.push(noted);
  return { indent, diagnostic: noted.diagnostic };
}

/** As the test gave it, but for what would break a line of a report or steer a terminal. */
function withoutEscapes(name) {
  return name
    .replace(/\\([#\\])/g, '$1')
    .trim()
    .replace(/[\p{Cc}\u2028\u2029]/gu, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
