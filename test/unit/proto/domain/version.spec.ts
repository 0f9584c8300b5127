/**
 * Aim: one version for the package and its programs. Method: the constant against package.json.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { PACKAGE_VERSION } from '../../../../proto/domain/version.ts';
import { repoRoot } from '../../../kit/repo-root.ts';

t.test('programs tell the version of their package', async (t) => {
  const { version } = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as { version: string };
  t.equal(PACKAGE_VERSION, version);
});
