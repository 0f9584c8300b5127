/**
 * Loaded into a controller that is profiled (node --import): samples its CPU from the first module on and writes the
 * profile when it ends, for Chrome's developer tools.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import path from 'node:path';

const SAMPLE_EVERY_US = 1_000;

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US });
session.post('Profiler.start');
process.once('exit', () => {
  // Within one thread the answer comes before the call returns.
  session.post('Profiler.stop', (error, stopped) => {
    if (error !== null) return;
    const file = path.join(process.env['NABLA_PROFILE_FOLDER'] ?? '.', `${process.pid}.cpuprofile`);
    writeFileSync(file, JSON.stringify(stopped.profile));
  });
});
