/**
 * Aim: the text given to the starter says exactly what was asked, whatever the words hold. Method: words with every
 * shell metacharacter are rendered and looked at; what cannot be given to a process is refused.
 */
import t from 'tap';
import {
  type Detachment,
  quote,
  renderPrologue,
  renderStart,
  type StartRequest,
} from '../../../../../agent/driver/process/start-script.ts';

const REQUEST: StartRequest = {
  id: 7,
  runFile: '/state/a.run',
  stdoutFile: '/task/stdout',
  stderrFile: '/task/stderr',
  folder: '/work',
  record: '{"version":1}',
  processesFile: '',
  memoryFile: '',
  filterFile: '',
  env: new Map(),
  requiredPaths: [],
  attachments: [],
  argv: ['true'],
};

const SESSION: Detachment = { kind: 'session', argv: ['/usr/bin/setsid', '-f'] };
const ORPHAN: Detachment = { kind: 'orphan' };

t.test('a quoted word is one word', async (tt) => {
  tt.equal(quote('plain'), "'plain'");
  tt.equal(quote(''), "''");
  tt.equal(quote("it's"), "'it'\\''s'");
  tt.equal(quote('$HOME `id` "x" *\n'), '\'$HOME `id` "x" *\n\'', 'nothing but the quote itself is special');
  tt.throws(() => quote('a\0b'), { code: 'COMMAND_INVALID' }, 'a NUL is refused');
});

t.test('a request keeps the order that the wrapper reads', async (tt) => {
  const text = renderStart(
    {
      ...REQUEST,
      env: new Map([['A', "x'y"]]),
      requiredPaths: ['/data'],
      attachments: [{ file: '/cg/procs', value: '0' }],
      argv: ['echo', 'a b'],
    },
    SESSION,
  );
  tt.equal(
    text,
    `(\ncommand export A='x'\\''y'\nexec '/usr/bin/setsid' '-f' /bin/sh -c "$1" nabla '7' '/state/a.run' '/task/stdout' ` +
      `'/task/stderr' '/work' '{"version":1}' '' '' '' '/data' '--' '0' '/cg/procs' '--' 'echo' 'a b'\n) </dev/null\n`,
  );
});

t.test('names that no shell can export are refused', async (tt) => {
  for (const name of ['', '1A', 'a-b', 'a b', 'A=B', 'ü', 'A;id']) {
    tt.throws(
      () => renderStart({ ...REQUEST, env: new Map([[name, 'x']]) }, SESSION),
      { code: 'ENV_INVALID' },
      name,
    );
  }
  tt.throws(() => renderStart({ ...REQUEST, env: new Map([['A', '\0']]) }, SESSION), {
    code: 'ENV_INVALID',
  });
});

t.test('no value of the environment is in the wrapper', async (tt) => {
  const secret = 'hunter2';
  const text = renderStart({ ...REQUEST, env: new Map([['TOKEN', secret]]) }, SESSION);
  const command = text.slice(text.indexOf('exec '));
  tt.notMatch(command, secret, 'only the exports hold it, and those reach no argument list');
  tt.notMatch(renderPrologue(SESSION), secret);
});

t.test('a wrapper without a session sets what the user wants only in what becomes the task', async (tt) => {
  const text = renderStart({ ...REQUEST, env: new Map([['IFS', 'x']]) }, ORPHAN);
  const at = (what: string): number => text.indexOf(what);
  tt.ok(at('set -- ') < at("command export IFS='x'"), 'after the words were taken');
  tt.ok(
    at('unset NABLA_WRAPPER_ID') < at("command export IFS='x'"),
    'and after the last use of its own variables',
  );
  tt.ok(
    at("command export IFS='x'") < at('exec "$@"'),
    'and nothing but the start of the task comes after it',
  );
  tt.match(text.slice(at("command export IFS='x'"), at('exec "$@"')), /^.*\n} 2>\/dev\/null\nexec [^\n]*\n$/);
  tt.equal(renderPrologue(ORPHAN), '');
});
