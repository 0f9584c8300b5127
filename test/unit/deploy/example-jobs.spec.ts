/**
 * Aim: every shipped job file is one that Nabla takes. Method: read each with the product's own reader and
 * validation, check it against the published schema, and see that the page lists them all.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { parse } from 'yaml';
import { buildJobSchema, jobFromDocument } from '../../../proto/domain/job-schema.ts';
import { validateJobSpec } from '../../../proto/domain/job-validation.ts';
import { repoRoot } from '../../kit/repo-root.ts';

const FOLDER = join(repoRoot, 'deploy', 'examples', 'jobs');
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
const matchesSchema = new Ajv2020({ strict: false }).compile(buildJobSchema());

t.test('there are examples, and the page lists each', async (t) => {
  const page = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  t.ok(files.length >= 5);
  for (const file of files) t.ok(page.includes(`[${file}](${file})`), file);
});

for (const file of files) {
  t.test(`${file} is a job`, async (t) => {
    const document: unknown = parse(readFileSync(join(FOLDER, file), 'utf8'));
    t.ok(matchesSchema(document), JSON.stringify(matchesSchema.errors));
    const request = jobFromDocument(document);
    t.same(request.ok ? [] : request.fields, [], 'it can be read');
    const checked = request.ok ? validateJobSpec(request.input) : request;
    t.same(checked.ok ? [] : checked.fields, [], 'nothing to complain about');
  });
}
