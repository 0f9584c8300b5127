/**
 * Aim: every method of every service has exactly one row, and the door lets through only who the row names. Method:
 * the methods are enumerated from the descriptors, not from a second list.
 */
import t from 'tap';
import { AUTHORISATION, authorise, ROLES } from '../../../../../controller/rpc/auth/authorisation.ts';
import { NABLA_SERVICES } from '../../../../../controller/rpc/rpc-server.ts';
import { file_nabla_v1_admin } from '../../../../../proto/gen/nabla/v1/admin_pb.ts';
import { file_nabla_v1_agent } from '../../../../../proto/gen/nabla/v1/agent_pb.ts';
import { file_nabla_v1_catalog } from '../../../../../proto/gen/nabla/v1/catalog_pb.ts';
import { file_nabla_v1_job } from '../../../../../proto/gen/nabla/v1/job_pb.ts';

const files = [file_nabla_v1_admin, file_nabla_v1_agent, file_nabla_v1_catalog, file_nabla_v1_job];
const described = files.flatMap(({ services }) => services);
const methods = described.flatMap(({ typeName, methods: all }) =>
  all.map(({ name }) => `/${typeName}/${name}`),
);

t.test('each method of each service has a row, and each row a method', async (t) => {
  t.same(Object.keys(AUTHORISATION).sort(), [...methods].sort());
});

t.test('each described service is served', async (t) => {
  t.same(
    NABLA_SERVICES.map(({ typeName }) => typeName).sort(),
    described.map(({ typeName }) => typeName).sort(),
  );
});

t.test('only the named role passes', async (t) => {
  for (const method of methods) {
    for (const role of ROLES) {
      const passes = AUTHORISATION[method] === role;
      if (passes) t.doesNotThrow(() => authorise(method, [role]), method);
      else t.throws(() => authorise(method, [role]), { kind: 'forbidden', code: 'METHOD_FORBIDDEN' }, method);
    }
    t.throws(() => authorise(method, []), { code: 'METHOD_FORBIDDEN' });
  }
});

t.test('a method without a row is refused to everybody', async (t) => {
  for (const method of ['/nabla.v1.JobService/Unknown', '', 'constructor', '__proto__', 'toString']) {
    t.throws(() => authorise(method, [...ROLES]), { code: 'METHOD_FORBIDDEN' }, method);
  }
});
