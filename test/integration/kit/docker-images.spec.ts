/**
 * Aim: the test images are what specs take them for. Method: ask for them twice (the second answer must be the
 * same and quick), and look at their settings in the engine.
 */
import t from 'tap';
import { createEngineClient, dockerAvailability, requireDocker } from '../../kit/docker/index.ts';

t.test('images have names of their recipes and exist in the engine', async (t) => {
  const images = await requireDocker(t);
  if (!images) return;
  const engine = createEngineClient();
  for (const [kind, name] of Object.entries(images)) {
    t.match(name, new RegExp(`^nabla-test-${kind}:[0-9a-f]{12}$`));
    t.ok(await engine.findImage(name), `${name} exists`);
  }
  t.same(await dockerAvailability(), { ok: true, images }, 'asking again gives the same');
});

t.test('an engine that does not answer is a reason, not an error', async (t) => {
  const engine = createEngineClient('/nonexistent/docker.sock');
  t.equal(await engine.answers(), false);
  await t.rejects(engine.findImage('nabla-test-busybox'));
});
