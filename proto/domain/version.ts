/**
 * The version that every program of the package tells, kept equal to package.json by a test: a program reads no file
 * to know what it is.
 */
export const PACKAGE_VERSION = '0.1.0';
