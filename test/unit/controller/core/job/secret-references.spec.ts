/** Aim: all secrets that a spec needs are found, each once. Method: a world with secrets in both scopes. */
import t from 'tap';
import { secretEnvOf, secretIdsOf } from '../../../../../controller/core/job/secret-references.ts';
import { aJobSpec, secretId } from '../../../../kit/builders.ts';
import { World } from '../../../../kit/stores-world.ts';

const sealed = new Uint8Array([1]);

t.test('only values that begin with the mark are references', async (t) => {
  const spec = { ...aJobSpec(), env: { A: 'secret:TOKEN', B: 'plain', C: 'not secret:X' } };
  t.same(secretEnvOf(spec), [['A', 'TOKEN']]);
});

t.test(
  'env, registry and git credentials, sorted, each once; the project’s own secret comes first',
  async (t) => {
    const world = new World();
    world.run({
      type: 'set-secret',
      project: '',
      secret: { id: secretId('cluster'), name: 'TOKEN', sealed },
    });
    const spec = {
      ...aJobSpec(),
      env: { A: 'secret:TOKEN', B: 'secret:TOKEN', C: 'secret:GONE' },
      registry: { username: 'u', secretId: secretId('registry') },
      workspace: {
        kind: 'git' as const,
        url: 'https://example.org/x',
        ref: '',
        credentials: { username: 'u', secretId: secretId('git') },
      },
    };
    const ids = (): readonly string[] => secretIdsOf(world.state, world.defaultProject, spec);
    t.same(ids(), ['sec_cluster', 'sec_git', 'sec_registry']);
    world.run({
      type: 'set-secret',
      project: 'default',
      secret: { id: secretId('own'), name: 'TOKEN', sealed },
    });
    t.same(ids(), ['sec_git', 'sec_own', 'sec_registry']);
  },
);
