/**
 * A program for a test: lives by a real lifecycle, logs on every line it reads, and says on SIGTERM that it closed by
 * ending with the lifecycle's code.
 */
import { createClock } from '../../proto/runtime/clock.ts';
import { createLifecycle } from '../../proto/runtime/lifecycle.ts';
import { createLogger } from '../../proto/runtime/logger.ts';

const clock = createClock();
const logger = createLogger({ clock });
const lifecycle = createLifecycle({ logger, clock });
process.stdin.on('data', () => logger.info('heard something'));
logger.info('up');
process.exit(await lifecycle.closed);
