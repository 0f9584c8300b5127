/** Names inside the controller's data folder, in one place for all that open, check, restore and describe it. */

export const LOG_FOLDER = 'log';
/** The key that seals the data keys of secrets. */
export const KEY_FILE = 'secrets.key';
export const WITNESS_FILE = 'head.witness';
/** There while a start reads the store, and after one that ended in the middle of it. */
export const OPENING_FILE = 'opening.mark';
/** There while a restored cluster has not yet heard of every host. */
export const RECOVERY_FILE = 'recovering.json';
