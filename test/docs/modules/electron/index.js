// The parts of Electron that a store needs. Main process, preload script and page are one here.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const device = { encrypts: true, backend: 'gnome_libsecret', page: 'file:///app/index.html' };
const flipped = (bytes) => Buffer.from(bytes.map((byte) => byte ^ 0x5a));
const userData = mkdtempSync(join(tmpdir(), 'electron-'));
process.once('exit', () => process.getBuiltinModule('node:fs').rmSync(userData, { recursive: true, force: true }));

export const app = { getPath: () => userData };
export const safeStorage = {
  isEncryptionAvailable: () => device.encrypts,
  getSelectedStorageBackend: () => device.backend,
  encryptString: (text) => flipped(Buffer.from(text)),
  decryptString: (encrypted) => flipped(encrypted).toString(),
};

const handlers = new Map();
export const ipcMain = { handle: (channel, listener) => void handlers.set(channel, listener) };
export const ipcRenderer = {
  // Arguments and results are copied, as between processes.
  invoke: async (channel, ...args) =>
    structuredClone(await handlers.get(channel)({ senderFrame: { url: device.page } }, ...structuredClone(args))),
};
export const contextBridge = {
  exposeInMainWorld: (name, api) => void (globalThis[name] = Object.freeze({ ...api })),
};
