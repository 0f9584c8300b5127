/**
 * Makes the test images before the suites run; the runner calls it. Costly images only where installing was asked
 * for. Exit code 1 when something is missing, with the reason as the last line.
 */
import { prepareImages } from './index.ts';
import { IMAGE_KINDS } from './recipes.ts';

const allowCostly = process.env['CI'] === 'true' || process.env['NABLA_TEST_INSTALL'] === '1';
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const found = await prepareImages({ needs: IMAGE_KINDS, allowCostly, say });
say(found.ok ? `test images: ${Object.values(found.images).join(', ')}` : `docker tests: ${found.reason}`);
process.exitCode = found.ok ? 0 : 1;
