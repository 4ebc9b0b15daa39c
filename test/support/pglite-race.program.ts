import { lockFolder } from '../../src/pglite/folder-lock.js';

/** Tries to lock each folder that it is told, says how that went, and keeps what it has got. */
process.on('message', (folder: string) => {
  try {
    lockFolder(folder);
    process.send!('won');
  } catch (error) {
    process.send!((error as { code?: string }).code ?? String(error));
  }
});
process.send!('ready');
