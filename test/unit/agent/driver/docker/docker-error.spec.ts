/**
 * Aim: what engines say becomes the right coded error. Method: one row per message seen on a real engine or in its
 * sources.
 */
import t from 'tap';
import {
  refusedUlimit,
  statusOf,
  toDockerError,
  toPullError,
} from '../../../../../agent/driver/docker/docker-error.ts';

const said = (message: string, statusCode = 500): Error => Object.assign(new Error(message), { statusCode });

t.test('messages of the engine', async (tt) => {
  const rows: readonly [string, string, string][] = [
    ['GPU_UNAVAILABLE', 'unavailable', 'could not select device driver "nvidia" with capabilities: [[gpu]]'],
    ['GPU_UNAVAILABLE', 'unavailable', 'nvidia-container-cli: device error: GPU-1: unknown device: unknown'],
    [
      'PORT_IN_USE',
      'precondition',
      'driver failed programming external connectivity: Bind for 127.0.0.1:80 failed: port is already allocated',
    ],
    ['PORT_IN_USE', 'precondition', 'listen tcp4 127.0.0.1:8080: bind: address already in use'],
    [
      'MOUNT_MISSING',
      'precondition',
      'invalid mount config for type "bind": bind source path does not exist: /x',
    ],
    ['DISK_FULL', 'unavailable', 'write /var/lib/docker/x: no space left on device'],
    [
      'COMMAND_NOT_FOUND',
      'invalid',
      'OCI runtime create failed: runc: exec: "nope": executable file not found in $PATH: unknown',
    ],
    ['COMMAND_NOT_FOUND', 'invalid', 'exec: "/x": stat /x: no such file or directory: unknown'],
    ['COMMAND_NOT_FOUND', 'invalid', 'exec: "/x": permission denied: unknown'],
    ['IMAGE_NOT_FOUND', 'not-found', 'No such image: none:latest'],
    ['IMAGE_NOT_FOUND', 'not-found', 'manifest for a/b:1 not found: manifest unknown: manifest unknown'],
    [
      'IMAGE_PULL_DENIED',
      'forbidden',
      "pull access denied for x, repository does not exist or may require 'docker login'",
    ],
    ['IMAGE_PULL_DENIED', 'forbidden', 'unauthorized: authentication required'],
    ['USER_UNKNOWN', 'invalid', 'unable to find user nope: no matching entries in passwd file'],
    ['DRIVER_UNAVAILABLE', 'unavailable', 'something else'],
  ];
  for (const [code, kind, message] of rows) {
    const error = toDockerError(said(message));
    tt.equal(error.code, code, message);
    tt.equal(error.kind, kind, message);
    tt.ok(error.hint.length > 0, 'with a hint');
  }
});

t.test('an engine that is away, slow, or no longer wanted', async (tt) => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  tt.equal(toDockerError(refused).code, 'DRIVER_UNAVAILABLE');
  tt.equal(
    toDockerError(new Error('x'), { timedOut: true, aborted: false }).kind,
    'deadline',
    'the outcome is unknown',
  );
  tt.equal(toDockerError(new Error('x'), { timedOut: false, aborted: true }).kind, 'cancelled');
  const known = toDockerError(said('x'));
  tt.equal(toDockerError(known), known, 'a coded error passes through');
});

t.test('pulls', async (tt) => {
  const away = 'dial tcp: lookup registry: no such host';
  tt.equal(toPullError(away, 'a/b:1').code, 'IMAGE_PULL_FAILED');
  tt.match(
    toPullError(away, 'a/b:1').hint,
    /docker\.io/,
    'a name without a host is of the engine’s own registry',
  );
  tt.match(toPullError(away, 'registry.test:5000/b:1').message, /registry\.test:5000$/, 'it says which one');
  tt.equal(toPullError('manifest unknown', 'a/b:1').code, 'IMAGE_NOT_FOUND');
});

t.test('refused limits', async (tt) => {
  tt.equal(
    refusedUlimit(toDockerError(said('error setting rlimit type 8: operation not permitted'))),
    'memlock',
  );
  tt.equal(
    refusedUlimit(said('error setting rlimits for ready process: error setting rlimit type 7: x')),
    'nofile',
  );
  tt.equal(refusedUlimit(said('port is already allocated')), undefined);
  tt.equal(statusOf(toDockerError(said('x', 404))), 404);
  tt.equal(statusOf(new Error('x')), 0);
});
