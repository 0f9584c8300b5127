/** Aim: the name in a certificate means one host of one cluster or nothing. Method: there and back, and tables of bad ones. */
import t from 'tap';
import { parseIdentityUri, toIdentityUri } from '../../../../../controller/core/enrol/model.ts';
import { hostId } from '../../../../kit/builders.ts';

t.test('what is written is read', async (t) => {
  const host = { clusterId: 'cl_1-A', hostId: hostId('1m84'), generation: 7 };
  t.same(parseIdentityUri(toIdentityUri(host)), host);
});

t.test('anything else is nothing', async (t) => {
  for (const uri of [
    '',
    'nabla://c/hosts/host_1/0',
    'nabla://c/hosts/host_1/01',
    'nabla://c/hosts/host_1/1/2',
    'nabla://c/hosts/HOST_1/1',
    'nabla://c/hosts/host_../1',
    'nabla:///hosts/host_1/1',
    'nabla://c/users/host_1/1',
    'nabla://c/hosts/host_1/1 ',
    'spiffe://c/hosts/host_1/1',
    `nabla://c/hosts/host_${'1'.repeat(41)}/1`,
  ]) {
    t.equal(parseIdentityUri(uri), undefined, `${uri.length} characters`);
  }
});
