#!/usr/bin/env node
/**
 * `npm run proof [-- PART…] [--again]`: installs and builds when needed, then runs the long counts, part by part.
 */
import { runCompiled } from '../kit/runner/compiled-program.mjs';

runCompiled('proof/main.js', ['--enable-source-maps']);
