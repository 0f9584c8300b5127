/**
 * Reads what an area wrote: totals by assert, and each skipped and failed test with its full name. The stream is
 * read rather than the exit code trusted, because a run of zero tests also exits 0.
 */

/** As in test/kit/skips.ts. */
const SKIP_TITLE = 'cannot run here';
const POINT = /^( *)(not ok|ok) \d+(?: - (.*))?$/;
const DIRECTIVE = /(?:^| )# (skip|todo|time=)(.*)$/i;
const TOTALS =
  /^# \{ total: (\d+)(?:, pass: (\d+))?(?:, fail: (\d+))?(?:, todo: (\d+))?(?:, skip: (\d+))?.*\}$/;

const DIAGNOSTIC_LINES_MAX = 60;

/**
 * @param {string} text a TAP stream as tap writes it
 * @returns {{ totals?: { total: number, pass: number, fail: number, skip: number },
 *   skips: { name: string, reason: string }[], failures: { name: string, diagnostic: string[] }[] }} `totals` is
 *   absent when the stream was cut off before its last line, which means that the process died.
 */
export function readTap(text) {
  const names = [];
  const found = { totals: undefined, skips: [], failures: [] };
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
      point = readLine(line, names, found);
    }
  }
  return found;
}

/** Returns where the diagnostic of a test point belongs, when the line is one. */
function readLine(line, names, found) {
  const subtest = /^( *)# Subtest: (.*)$/.exec(line);
  if (subtest) {
    names.length = subtest[1].length / 4;
    names.push(withoutEscapes(subtest[2]));
    return undefined;
  }
  found.totals = readTotals(line) ?? found.totals;
  const point = POINT.exec(line.replace(/ \{$/, ''));
  return point ? notePoint(point, names, found) : undefined;
}

function readTotals(line) {
  const found = TOTALS.exec(line);
  if (!found) return undefined;
  const [total, pass, fail, todo, skip] = found.slice(1).map((count) => Number(count ?? 0));
  return { total, pass, fail, skip: skip + todo };
}

function notePoint([, indent, verdict, rest = ''], names, { skips, failures }) {
  const depth = indent.length / 4;
  const directive = DIRECTIVE.exec(rest);
  const title = withoutEscapes(directive ? rest.slice(0, directive.index) : rest);
  const parents = names.slice(0, depth);
  // The point of a finished subtest repeats what its own points said.
  const isLeaf = names.length <= depth;
  names.length = Math.min(names.length, depth);
  const noted = { name: [...parents, title].join(' > '), diagnostic: [] };
  if (directive && /skip|todo/i.test(directive[1])) {
    // A point that `skipUnless` made speaks for the test around it.
    const name = title === SKIP_TITLE ? parents.join(' > ') : noted.name;
    skips.push({ name, reason: withoutEscapes(directive[2]) || 'no reason given' });
  } else if (verdict === 'not ok' && isLeaf) failures.push(noted);
  return { indent, diagnostic: noted.diagnostic };
}

function withoutEscapes(name) {
  return name.replace(/\\([#\\])/g, '$1').trim();
}
