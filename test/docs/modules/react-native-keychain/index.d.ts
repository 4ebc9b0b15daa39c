export enum ACCESSIBLE {
  AFTER_FIRST_UNLOCK_THIS_DEVICE_ONLY = 'AccessibleAfterFirstUnlockThisDeviceOnly',
}
export interface BaseOptions {
  service?: string;
}
export interface SetOptions extends BaseOptions {
  accessible?: ACCESSIBLE;
}
export interface UserCredentials {
  service: string;
  username: string;
  password: string;
  storage: string;
}
export function getGenericPassword(options?: BaseOptions): Promise<false | UserCredentials>;
export function setGenericPassword(
  username: string,
  password: string,
  options?: SetOptions,
): Promise<false | { service: string; storage: string }>;
export function resetGenericPassword(options?: BaseOptions): Promise<boolean>;
