/**
 * The grpc library prints lines of its own beside the errors that it throws. A test that provokes such an error has
 * the error to look at; the line would only look like trouble in the output of the suite.
 */
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';

/** Until the end of the test `t`; the setting is that of the whole process, and the library's default comes back. */
export function silenceGrpc(t: { teardown(undo: () => void): unknown }): void {
  setLogVerbosity(logVerbosity.NONE);
  t.teardown(() => setLogVerbosity(logVerbosity.ERROR));
}
