/**
 * Aim: a file that is not YAML is refused with its place in one line, at a cost in step with its size. Method: the real
 * library over broken texts, the hostile one found by fuzzing (faults before a long run of line ends).
 */

import t from 'tap';
import { LineCounter, parse } from 'yaml';
import { parseYaml } from '../../../../cli/render/yaml-text.ts';
import { ClusterError } from '../../../../proto/errors/cluster-error.ts';
import { parseDocument } from '../../../../proto/runtime/config-file.ts';
import { describeYamlFault } from '../../../../proto/runtime/yaml-fault.ts';

/** What took half a second while each fault's line was drawn. */
const HOSTILE = `${'"'.repeat(1_000)}${'\r'.repeat(1_000)}[`;

t.test('says line and column', async (t) => {
  const lineCounter = new LineCounter();
  try {
    parse('a: 1\nb: [1, 2\n', { lineCounter, prettyErrors: false });
    t.fail('was read');
  } catch (error) {
    t.match(describeYamlFault(error, lineCounter), /^[^\n]+ at line 3, column 1$/);
  }
});

t.test('says what it has when there is no place', async (t) => {
  const places = { linePos: () => ({ line: 0, col: 0 }) };
  t.equal(describeYamlFault(new Error('first\nsecond'), places), 'first');
  t.equal(describeYamlFault(Object.assign(new Error('lost'), { pos: [7, 8] }), places), 'lost');
  t.equal(describeYamlFault('text', places), 'not readable');
});

t.test('both doors say the place, and no fault of a hostile text is drawn', async (t) => {
  const faults = [
    await refusalOf(parseYaml('{', 'job.yaml')),
    await refusalOf(parseDocument('{', 'agent.yaml')),
    await refusalOf(parseYaml(HOSTILE, 'job.yaml')),
    await refusalOf(parseDocument(HOSTILE, 'agent.yaml')),
  ];
  for (const { code, fields, details, cause } of faults) {
    t.match(code, /^(YAML_INVALID|DOCUMENT_MALFORMED)$/);
    t.match(String(details['reason'] ?? fields[0]?.reason), / at line 1, column [23]$/);
    // The drawing is what cost half a second; it stands in the message below its first line.
    t.notMatch((cause as Error).message, /\n/);
  }
});

async function refusalOf(reading: Promise<unknown>): Promise<ClusterError> {
  const error: unknown = await reading.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ClusterError)) throw new Error('was read');
  return error;
}
