/** How users, tokens, members and the caller itself look as a table and in `-o id`. */
import { age, at, text } from './looks.ts';
import type { JsonRecord, RecordLook } from './records.ts';

export const USER_LOOK: RecordLook = {
  id: (record) => at(record, 'id'),
  columns: (nowMs) => [
    text('NAME', 'name', { fixed: true }),
    text('ROLE', 'role'),
    text('STATE', 'state'),
    text('BY', 'createdBy'),
    age('AGE', 'createdAt', nowMs),
    text('ID', 'id', { wide: true }),
  ],
  none: 'no users but the built-in administrator',
};

export const TOKEN_LOOK: RecordLook = {
  id: (record) => at(record, 'id'),
  columns: (nowMs) => [
    text('NAME', 'name', { fixed: true }),
    text('USER', 'userName'),
    text('EXPIRES', 'expiresAt'),
    age('AGE', 'createdAt', nowMs),
    text('ID', 'id'),
    text('BY', 'createdBy', { wide: true }),
  ],
  none: 'no tokens',
};

export const MEMBER_LOOK: RecordLook = {
  id: (record) => at(record, 'userId'),
  columns: (nowMs) => [
    text('USER', 'userName', { fixed: true }),
    text('ROLE', 'role'),
    text('BY', 'addedBy'),
    age('AGE', 'addedAt', nowMs),
    text('PROJECT', 'projectId', { wide: true }),
    text('ID', 'userId', { wide: true }),
  ],
  none: 'no members',
};

export const IDENTITY_LOOK: RecordLook = {
  id: (record) => at(record, 'principal'),
  columns: () => [
    text('PRINCIPAL', 'principal'),
    { header: 'ROLES', value: (record) => at(record, 'roles') },
    { header: 'PROJECTS', value: membershipsOf },
    text('CONTROLLER', 'controller'),
    text('CLUSTER', 'clusterId'),
    text('VERSION', 'serverVersion'),
    text('PROJECT', 'defaultProjectId'),
  ],
  none: '',
};

/** `lab (owner), vision (viewer)`. */
function membershipsOf(record: JsonRecord): string {
  const memberships = record['memberships'];
  if (!Array.isArray(memberships) || memberships.length === 0) return '-';
  return memberships.map((each: JsonRecord) => `${at(each, 'projectName')} (${at(each, 'role')})`).join(', ');
}
