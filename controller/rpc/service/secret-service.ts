/**
 * SecretService: values go in and never out; they are sealed before anything else sees them.
 */
import type { SecretId } from '../../../proto/domain/ids.ts';
import { LIMITS } from '../../../proto/domain/limits.ts';
import { SECRET_LIST } from '../../../proto/domain/record-list.ts';
import { SecretSchema, type SecretService } from '../../../proto/gen/nabla/v1/catalog_pb.ts';
import type { ServiceHandlers } from '../../../proto/rpc/method-types.ts';
import { toWireSecret } from '../../../proto/wire/catalog-wire.ts';
import { foundProject } from '../../core/found-record.ts';
import { listPage } from '../list-page.ts';
import { failRequest, optionalReference } from '../request-field.ts';
import { commandContext, type ServicePorts } from '../service-ports.ts';

export function createSecretService(ports: ServicePorts): ServiceHandlers<typeof SecretService> {
  const { engine } = ports;
  return {
    async setSecret({ project, name, value }, context) {
      optionalReference(project, 'project');
      if (value.length === 0) failRequest('value', 'must not be empty');
      if (value.length > LIMITS.secretValueBytes) {
        failRequest('value', `must be at most ${LIMITS.secretValueBytes} bytes`);
      }
      const id = ports.ids.mint('secret') as SecretId;
      const sealed = await ports.seal(id, value);
      const { subject } = await engine.submit(
        { type: 'set-secret', project, secret: { id, name, sealed } },
        commandContext(ports, context),
      );
      const secret = await engine.read((view) => view.secret(subject as SecretId));
      return secret === undefined ? {} : { secret: toWireSecret(secret) };
    },
    async listSecrets({ project, options }) {
      optionalReference(project, 'project');
      const records = await engine.read((view) => {
        const id = project === '' ? undefined : foundProject(view, project).id;
        return [...view.secrets(id)];
      });
      const page = listPage(
        { kind: SECRET_LIST, records, schema: SecretSchema, toWire: toWireSecret },
        options,
      );
      return { secrets: page.records, nextPageToken: page.nextPageToken };
    },
    async deleteSecret({ project, name }, context) {
      optionalReference(project, 'project');
      await engine.submit({ type: 'delete-secret', project, name }, commandContext(ports, context));
      return {};
    },
  };
}
