/**
 * Makes the test images before the suites run and takes away what killed runs left; the runner calls it. Costly images
 * only where installing was asked for. Exit code 1 when something is missing, with the reason as the last line.
 */
import { createEngineClient, prepareImages } from './index.ts';
import { IMAGE_KINDS } from './recipes.ts';
import { sweepContainers } from './sweep-containers.ts';

const allowCostly = process.env['CI'] === 'true' || process.env['NABLA_TEST_INSTALL'] === '1';
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const engine = createEngineClient();
if (await engine.answers()) {
  try {
    const removed = await sweepContainers(engine);
    if (removed > 0) say(`containers of killed test runs removed: ${removed}`);
  } catch (error) {
    // What is left over costs room and no truth: tests look at containers of their own hosts only.
    say(`containers of killed test runs stay: ${error instanceof Error ? error.message : String(error)}`);
  }
}
const found = await prepareImages({ needs: IMAGE_KINDS, allowCostly, say });
say(found.ok ? `test images: ${Object.values(found.images).join(', ')}` : `docker tests: ${found.reason}`);
process.exitCode = found.ok ? 0 : 1;
