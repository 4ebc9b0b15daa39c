export const app: { getPath(name: 'userData'): string };
export const safeStorage: {
  isEncryptionAvailable(): boolean;
  getSelectedStorageBackend(): string;
  encryptString(text: string): Buffer;
  decryptString(encrypted: Buffer): string;
};
export interface IpcMainInvokeEvent {
  readonly senderFrame: { readonly url: string } | null;
}
export const ipcMain: {
  handle(channel: string, listener: (event: IpcMainInvokeEvent, ...args: never[]) => unknown): void;
};
export const ipcRenderer: { invoke(channel: string, ...args: unknown[]): Promise<unknown> };
export const contextBridge: { exposeInMainWorld(name: string, api: object): void };
