/**
 * Aim: what a file says reaches a person's terminal only by us. Method: files at which the YAML library warns, while
 * the warnings of the process are listened to.
 */
import t from 'tap';
import { parseYaml } from '../../../../cli/render/yaml-text.ts';
import { parseDocument } from '../../../../proto/runtime/config-file.ts';

const WARNED_AT = ['kind: !!js x', '!\u001b[31mred x', '{ a: b }: c'];

t.test('the YAML library prints nothing by itself', async (t) => {
  const warnings: string[] = [];
  const listen = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', listen);
  t.teardown(() => process.off('warning', listen));
  for (const text of WARNED_AT) {
    await parseYaml(text, 'job.yaml').catch(() => undefined);
    await parseDocument(text, 'agent.yaml').catch(() => undefined);
  }
  // Warnings are told in a later turn.
  await new Promise((resolve) => setImmediate(resolve));
  t.same(warnings, []);
});
